// Finds what went wrong without anybody seeing it: errors in the developer console and in the logs of the extension host.
import type { Page } from "playwright-core";

/** Errors of VS Code, of its build as a server, or of the browser, which are there without Fathom as well. */
const NOT_OURS: { text: RegExp; why: string }[] = [
  { text: /\/vsda\/rust\/web\/vsda/, why: "a part of Microsoft's own builds, which code-server lacks" },
  { text: /^Failed to load resource.*\(at .*vsda/, why: "the same, as the browser says it" },
  {
    text: /SyntaxError: Unexpected end of JSON input\n\s+at JSON\.parse.*\n(\s+at (async )?.*extensionHostProcess\.js.*\n?)+$/,
    why: "VS Code looks at the lock file of a window's storage while it is being written",
  },
  {
    text: /(EEXIST: file already exists, open|ENOENT: no such file or directory, stat) '.*\/vscode\.lock'/,
    why: "VS Code's, of two windows on one folder, or of one while the old one still ends",
  },
  {
    text: /^(%c\s*ERR\S* color: \S+ )?\[lifecycle\] Long running operations during shutdown/,
    why: "VS Code's own, at each reload of a page",
  },
  { text: /authentication provider 'github'/, why: "VS Code asks who is signed in, and gives up on a busy machine" },
  { text: /Aborted onWillSaveTextDocument-event/, why: "a busy extension host; Fathom takes no part in saving" },
  { text: /Could not identify extension for 'vscode' require call from .*suites\.cjs/, why: "an import of inHost/" },
  {
    text: /[Ee]xtension [`']vscode\.[\w-]+[`']|^(?![\s\S]*fathom\.fathom)\S+ \S+ \[error\] \[vscode\.[\w-]+\] /,
    why: "said of an extension that VS Code brings",
  },
  {
    text: /Accessing a resource scoped configuration without providing a resource.*'(files|search)\.exclude'/,
    why: "the language client, of sections that it watches; their values are asked for folder by folder",
  },
  { text: /^(?!.*fathom\.fathom).*\/lib\/vscode\/extensions\//s, why: "thrown by an extension that VS Code brings" },
  {
    text: /\[error\] Error: read ECONNRESET\n\s+at TCP\.onStreamRead \(node:internal[^\n]*$/,
    why: "the extension host's own line to a page that was loaded anew; Fathom speaks over pipes",
  },
  { text: /IndexedDB database '[\w-]+' is closed/, why: "VS Code's own log window, at each reload of a page" },
];

/** Extension hosts and the extension write here; other extensions have log files of their own. */
const HOST_LOG = /\/exthost\d+\/remoteexthost\.log$/;
const OWN_LOG = /\/exthost\d+\/fathom\.fathom\//;
const ENTRY = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \[(\w+)\] /;

/** Collects the errors of a page from now on. */
export function watchConsole(page: Page): string[] {
  const found: string[] = [];
  page.on("pageerror", (error) => found.push(`uncaught: ${error.stack ?? error.message}`));
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    found.push(`${message.text()} (at ${message.location().url})`);
  });
  return found;
}

/**
 * What is to complain about.
 * @param consoles What {@link watchConsole} found in each window.
 * @param logs Log files by path.
 * @param expected What this journey provokes; each must be there, else it is a complaint itself.
 * @returns One sentence each; empty if all is well.
 */
export function complaints(
  consoles: readonly string[],
  logs: Map<string, string>,
  expected: readonly RegExp[],
): string[] {
  const found = [
    ...consoles.map((text) => `console: ${text}`),
    ...entriesOf(logs, HOST_LOG, ["error", "critical"]).map((text) => `extension host: ${text}`),
    ...entriesOf(logs, HOST_LOG, ["warning"])
      .filter((text) => /fathom/i.test(text))
      .map((text) => `extension host: ${text}`),
    ...entriesOf(logs, OWN_LOG, ["warning", "error", "critical"]).map((text) => `Fathom's log: ${text}`),
  ].filter((text) => !NOT_OURS.some((known) => known.text.test(text.replace(/^[^:]+: /, ""))));
  const missing = expected.filter((pattern) => !found.some((text) => pattern.test(text)));
  const unexpected = found.filter((text) => !expected.some((pattern) => pattern.test(text)));
  return [...unexpected, ...missing.map((pattern) => `nothing matched ${pattern}, which this journey provokes`)];
}

/** Entries of some levels; an entry can have several lines. */
function entriesOf(logs: Map<string, string>, name: RegExp, levels: readonly string[]): string[] {
  return [...logs]
    .filter(([path]) => name.test(path))
    .flatMap(([, text]) => text.split(/^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \[)/m))
    .filter((entry) => levels.includes(ENTRY.exec(entry)?.[1] ?? ""))
    .map((entry) => entry.trim());
}
