// One VS Code server on folders of its own: its settings, its workspaces, its log files, its end.
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import manifest from "../../package.json" with { type: "json" };
import { SmallDisk } from "../lsp/smallDisk.ts";

/** What the server says when it can be asked; with `--bind-addr 127.0.0.1:0` it names the port that it got. */
const LISTENING = /HTTP server listening on (http:\/\/127\.0\.0\.1:\d+)/;
/** Bytes of a workspace on a disk of its own. */
const DISK_BYTES = 8 << 20;
/** Milliseconds that the server and the extension have to end in order. */
const END_MS = 10_000;

/** Quiet and alone: nothing is asked of other hosts, nothing greets, nothing of an earlier window comes back. */
const SETTINGS = {
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "extensions.autoUpdate": "off",
  "extensions.autoCheckUpdates": false,
  "extensions.ignoreRecommendations": true,
  "workbench.enableExperiments": false,
  "workbench.startupEditor": "none",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.welcomePage.walkthroughs.openOnInstall": false,
  "chat.disableAIFeatures": true,
  "files.autoSave": "off",
  "files.hotExit": "off",
  "git.enabled": false,
  "remote.autoForwardPorts": false,
  "js/ts.tsserver.automaticTypeAcquisition.enabled": false,
};

/** Keys for what has a command and no key of its own that every keyboard layout has. */
const KEYS = [
  { key: "ctrl+alt+8", command: "editor.action.inlineSuggest.trigger", when: "editorTextFocus" },
  { key: "ctrl+alt+9", command: "editor.action.inlineSuggest.acceptNextLine", when: "inlineSuggestionVisible" },
];

/** Settings that VS Code takes from the machine that the server runs on. */
const OF_THE_MACHINE = new Set(
  Object.entries<{ scope: string }>(
    Object.assign({}, ...manifest.contributes.configuration.map(({ properties }) => properties)) as Record<
      string,
      { scope: string }
    >,
  )
    .filter(([, { scope }]) => scope.startsWith("machine"))
    .map(([key]) => key),
);

export interface ServerOptions {
  /** The script that starts the server. */
  entry: string;
  /** Folder with the installed extensions; several servers may share it. */
  extensionsDir: string;
  /** Files of the workspace by path. */
  files: Record<string, string | Uint8Array>;
  /** User settings on top of the quiet ones. */
  settings?: Record<string, unknown>;
  /** False: folders are opened in restricted mode, until the user trusts them. */
  trusted?: boolean;
  /** Put the workspace on a disk that nobody can write to. */
  readOnly?: boolean;
  /** Let a page start tests inside the extension host; the workbench then shows no notifications. */
  runsTests?: boolean;
  env?: NodeJS.ProcessEnv;
}

/** A running server; all its folders are new and go with it. */
export class CodeServer {
  static readonly #running = new Set<CodeServer>();
  /** Everything below is in here. */
  readonly root = mkdtempSync(join(tmpdir(), "fathom-vscode-"));
  readonly workspace: string;
  /** Where the extension keeps its own files. */
  readonly storageDir = join(this.root, "user", "User", "globalStorage", "fathom.fathom");
  /** Where the page is. */
  url = "";
  readonly #settings: Record<string, unknown>;
  readonly #child: ChildProcess;
  readonly #disk: SmallDisk | undefined;
  #output = "";
  /** What the log files said at its end. */
  #lastLogs: Map<string, string> | undefined;

  private constructor(options: ServerOptions) {
    const trust = { "security.workspace.trust.enabled": options.trusted === false };
    this.#settings = { ...SETTINGS, ...trust, ...options.settings };
    this.#disk = options.readOnly ? new SmallDisk(DISK_BYTES) : undefined;
    this.workspace = this.#disk?.folder ?? join(this.root, "workspace");
    mkdirSync(this.workspace, { recursive: true });
    for (const [path, content] of Object.entries(options.files)) this.write(path, content);
    this.#disk?.makeReadOnly();
    this.changeSettings({});
    writeFileSync(join(this.root, "user", "User", "keybindings.json"), JSON.stringify(KEYS));
    writeFileSync(join(this.root, "config.yaml"), "{}\n");
    const trustFlags = options.trusted === false ? [] : ["--disable-workspace-trust"];
    const testFlags = options.runsTests ? ["--vscode-option", "enable-smoke-test-driver"] : [];
    const flags = ["--bind-addr", "127.0.0.1:0", "--auth", "none", "--disable-telemetry", "--disable-update-check"];
    this.#child = spawn(
      process.execPath,
      [options.entry, ...this.#folders(options.extensionsDir), ...flags, ...QUIET_FLAGS, ...trustFlags, ...testFlags],
      // A group of its own, so that its end takes all extension hosts along.
      { cwd: this.root, detached: true, stdio: ["ignore", "pipe", "pipe"], env: this.#environment(options.env) },
    );
  }

  /** @throws Error with what the server wrote, if it ends before it listens. */
  static async start(options: ServerOptions): Promise<CodeServer> {
    const server = new CodeServer(options);
    CodeServer.#running.add(server);
    await server.#listening();
    return server;
  }

  /** The address of a folder or `.code-workspace` file of the workspace. */
  address(path = ""): string {
    const kind = path.endsWith(".code-workspace") ? "workspace" : "folder";
    return `${this.url}/?${kind}=${encodeURIComponent(join(this.workspace, path))}`;
  }

  /** Where a file of the workspace lies. */
  path(path: string): string {
    return join(this.workspace, path);
  }

  /** Writes a file of the workspace. */
  write(path: string, content: string | Uint8Array): void {
    const file = this.path(path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  /** The text of a file of the workspace, as it is on disk. */
  read(path: string): string {
    return readFileSync(this.path(path), "utf8");
  }

  /** Writes settings the way another program would; VS Code watches the files. */
  changeSettings(changes: Record<string, unknown>): void {
    Object.assign(this.#settings, changes);
    const all = Object.entries(this.#settings);
    // To a server's window, a user's settings say nothing about the machine.
    this.#writeSettings("User", Object.fromEntries(all.filter(([key]) => !OF_THE_MACHINE.has(key))));
    this.#writeSettings("Machine", Object.fromEntries(all.filter(([key]) => OF_THE_MACHINE.has(key))));
  }

  /** All log files of extension hosts and extensions, by path. */
  logs(): Map<string, string> {
    if (this.#lastLogs !== undefined) return this.#lastLogs;
    const folder = join(this.root, "user", "logs");
    const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
    const files = names.filter((name) => name.endsWith(".log"));
    return new Map(files.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
  }

  /** Processes of this server that run a script, e.g. `dist/engine.mjs`. */
  processes(script: string): number[] {
    const lines = execFileSync("ps", ["-eo", "pid=,pgid=,args="], { encoding: "utf8" }).split("\n");
    const fields = lines.map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line)?.slice(1) ?? []);
    const ours = fields.filter(([, group, args]) => Number(group) === this.#child.pid && args?.includes(script));
    return ours.map(([pid]) => Number(pid));
  }

  /** Lets the engine stand still, so that what it does takes as long as a test wants. @returns Lets it go on. */
  holdEngine(): () => void {
    const engines = this.processes("dist/engine.mjs");
    const toAll = (signal: NodeJS.Signals) => {
      for (const pid of engines) process.kill(pid, signal);
    };
    toAll("SIGSTOP");
    return () => toAll("SIGCONT");
  }

  /** What the server wrote itself. */
  get output(): string {
    return this.#output;
  }

  /** Ends what a test left that did not come to its own end: servers would keep the whole run waiting. */
  static async stopAll(): Promise<void> {
    for (const server of CodeServer.#running) await server.stop();
  }

  /** Ends it and removes its folders. */
  async stop(): Promise<void> {
    CodeServer.#running.delete(this);
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, "exit");
      const late = setTimeout(() => this.#signal("SIGKILL"), END_MS);
      this.#signal("SIGTERM");
      await ended;
      clearTimeout(late);
    }
    this.#signal("SIGKILL");
    this.#disk?.release();
    this.#lastLogs = this.logs();
    rmSync(this.root, { recursive: true, force: true, maxRetries: 10 });
  }

  #writeSettings(place: "User" | "Machine", settings: Record<string, unknown>): void {
    const folder = join(this.root, "user", place);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "settings.json"), JSON.stringify(settings, undefined, 2));
  }

  #folders(extensionsDir: string): string[] {
    return folderFlags(this.root, extensionsDir);
  }

  #environment(env: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    // A home of its own, so that nothing of the person who runs the tests is read or written.
    return { ...process.env, ...ALONE, HOME: this.root, XDG_CONFIG_HOME: this.root, XDG_DATA_HOME: this.root, ...env };
  }

  #listening(): Promise<void> {
    return new Promise((resolve, reject) => {
      const take = (data: Buffer) => {
        this.#output += data.toString();
        this.url ||= LISTENING.exec(this.#output)?.[1] ?? "";
        if (this.url !== "") resolve();
      };
      this.#child.stdout?.on("data", take);
      this.#child.stderr?.on("data", take);
      this.#child.once("error", reject);
      this.#child.once("exit", () => reject(new Error(`VS Code's server ended at its start.\n${this.#output}`)));
    });
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.#child.pid!, signal);
    } catch (error) {
      // The whole group is gone already.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

const QUIET_FLAGS = ["--disable-getting-started-override", "--disable-proxy", "--ignore-last-opened"];
/** No gallery, and nothing of an editor or a server in whose terminal the tests run. */
const ALONE = {
  EXTENSIONS_GALLERY: "{}",
  PORT: undefined,
  CODE_SERVER_HOST: undefined,
  VSCODE_IPC_HOOK_CLI: undefined,
};

/**
 * Installs a packed extension the way `code --install-extension` does.
 * @param entry The script that starts the server.
 * @param vsix The package.
 * @param extensionsDir Where it goes.
 */
export async function installExtension(entry: string, vsix: string, extensionsDir: string): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "fathom-vscode-install-"));
  writeFileSync(join(root, "config.yaml"), "{}\n");
  try {
    const flags = [...folderFlags(root, extensionsDir), "--install-extension", vsix, "--force"];
    const env = { ...process.env, ...ALONE, HOME: root };
    const { stdout } = await promisify(execFile)(process.execPath, [entry, ...flags], { env });
    if (!stdout.includes("was successfully installed")) throw new Error(`The package was not installed.\n${stdout}`);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function folderFlags(root: string, extensionsDir: string): string[] {
  const config = join(root, "config.yaml");
  return ["--config", config, "--user-data-dir", join(root, "user"), "--extensions-dir", extensionsDir];
}
