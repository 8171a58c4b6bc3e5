// Tests that whatever people read can be translated: the manifest, the extension's texts, and the export of both.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { config } from "@vscode/l10n";
import type { Node } from "web-tree-sitter";
import { mapActions } from "../../../extension/src/contextMapActions.ts";
import { Conversation } from "../../../extension/src/conversation.ts";
import { describeFailure } from "../../../extension/src/failures.ts";
import { sizeProblem } from "../../../extension/src/imageFile.ts";
import { doctorReport } from "../../../extension/src/reports.ts";
import { barText, holdSentence, readingLine } from "../../../extension/src/statusText.ts";
import {
  argumentsOf,
  BUNDLE,
  callsOf,
  exportedBundle,
  extensionTrees,
  placeholderKey,
  textCalls,
  typescriptParser,
  withTexts,
} from "../../../l10n.ts";
import type { Status } from "../../../server/src/protocol/messages.ts";

const root = new URL("../../../", import.meta.url);
const readJson = (path: string) => JSON.parse(readFileSync(new URL(path, root), "utf8"));

/** The product's name, which is the same in every language. */
const NAME = "Fathom";

/** Fields of the manifest that VS Code shows. */
const MANIFEST_FIELDS = /^(title|name|description|markdownDescription|enumDescriptions|altText|contextualTitle)$/;
/** Calls that show what they are given, at once or when the error arrives at the command. */
const SHOWN_BY = /^(window\.(show\w+Message|showInputBox|showQuickPick|setStatusBarMessage)|say|\w*Error)$/;
/** Properties that are shown, of whatever object. */
const SHOWN_AS = /^(title|label|description|detail|place[hH]older|prompt|openLabel|message|tooltip)$/;

describe("texts of the manifest", () => {
  const manifest = readJson("package.json");
  const texts: Record<string, string> = readJson("package.nls.json");

  it("are there for every placeholder, and no others", () => {
    const keys = stringsIn(manifest).flatMap((text) => placeholderKey(text) ?? []);
    assert.deepEqual(keys.toSorted(), Object.keys(texts).sort());
  });

  it("stand nowhere but there", () => {
    const shown = fieldsOf(manifest.contributes, MANIFEST_FIELDS);
    assert.ok(shown.length > 70, String(shown.length));
    assert.deepEqual(
      shown.filter((text) => text !== NAME && placeholderKey(text) === undefined),
      [],
    );
  });

  it("take the place of their placeholders, and a missing one is named", () => {
    assert.deepEqual(withTexts({ a: ["%x.y%", "50 %"], b: 1 }, { "x.y": "X" }), { a: ["X", "50 %"], b: 1 });
    assert.throws(() => withTexts({ a: "%x%" }, {}), /%x%/);
  });
});

describe("texts of the extension", () => {
  it("are exported as the sources have them; `npm run l10n` does it", async () => {
    assert.deepEqual(JSON.parse(readFileSync(BUNDLE, "utf8")), await exportedBundle());
  });

  it("have one value for each placeholder, and are chosen when they are needed", async () => {
    const calls = [...(await extensionTrees()).values()].flatMap(textCalls);
    assert.ok(calls.length > 200, String(calls.length));
    for (const { text, values, isEarly } of calls) {
      const places = new Set([...text.matchAll(/\{(\d+)\}/g)].map((match) => Number(match[1])));
      assert.deepEqual(
        [...places].sort((a, b) => a - b),
        Array.from({ length: values }, (_, place) => place),
        text,
      );
      assert.ok(!isEarly, text);
    }
  });

  it("are given to nothing that shows them without a look at the translations", async () => {
    const trees = await extensionTrees();
    const raw = [...trees].flatMap(([name, tree]) => rawTexts(tree).map((text) => `${name}: ${text}`));
    assert.deepEqual(raw, []);
  });

  const sources: [source: string, raw: string[]][] = [
    ['void window.showErrorMessage("It failed.", l10n.t("Retry"));', ["It failed."]],
    [`say(isOn ? \`Now \${name} is on.\` : l10n.t("off"));`, ["Now ", " is on."]],
    ['throw new Error(ok ? l10n.t("{0}", "a b") : "No.");', ["No."]],
    ['picker.placeholder = "Words";', ["Words"]],
    ['const options = { location, title: "Working" };', ["Working"]],
    [`const item = { label: \`$(file) \${name}\`, detail: l10n.t("Old"), title: "Fathom", id: "Some id" };`, []],
    ['window.withProgress(options, () => log.info("Some line."));', []],
  ];
  for (const [source, raw] of sources) {
    it(`${raw.length} raw in: ${source}`, async () =>
      assert.deepEqual(rawTexts((await typescriptParser())(source)), raw));
  }

  it("must be whole", async () => {
    const parse = await typescriptParser();
    assert.throws(() => textCalls(parse('l10n.t("a " + b);')), /"a " \+ b/);
    assert.throws(() => textCalls(parse("l10n.t(`a`);")), /`a`/);
    assert.deepEqual(textCalls(parse('const a = l10n.t("\\"{0}\\"\\n", b);')), [
      { text: '"{0}"\n', values: 1, isEarly: true },
    ]);
  });
});

describe("another language", () => {
  const status = (more: Partial<Status>): Status => ({ state: "ready", message: "Ready.", engineRestarts: 0, ...more });
  const reading = {
    purpose: "compaction",
    phase: "prefill",
    doneTokens: 500,
    totalTokens: 2000,
    doneFiles: 3,
    totalFiles: 9,
    file: "a.ts",
    tokensPerSecond: 812,
  } as const;

  before(async () => {
    const texts = Object.keys(await exportedBundle());
    config({ contents: Object.fromEntries(texts.map((text) => [text, `[${text}]`])) });
  });
  after(() => config({ contents: {} }));

  it("is in the status bar and in a line of reading", () => {
    assert.equal(barText(status({ state: "failed" }), { enabled: true }), "$(error) [Fathom: stopped]");
    assert.equal(
      barText(status({ state: "reading", reading, hold: "user" }), { enabled: true }),
      "$(debug-pause) [Fathom: paused at 25 %]",
    );
    assert.equal(
      readingLine(reading),
      "[compaction: [reading 500 of 2,000 tokens], [3 of 9 files], 25 %, [812 tokens/s]]",
    );
    assert.equal(holdSentence("user"), "[reading is paused; Resume Reading goes on.]");
  });

  it("is in failures and their actions, but not in what the server says", () => {
    const gone = Object.assign(new Error("gone"), { code: -32097 });
    assert.deepEqual(describeFailure(gone), {
      message: "[The language server stopped before it answered. Nothing was changed.]",
      action: { title: "[Restart]", command: "fathom.restartServer" },
    });
    assert.equal(describeFailure(new Error("It did not work.")).message, "It did not work.");
  });

  it("is in views and reports, with every value in its place", () => {
    assert.deepEqual(mapActions(status({ state: "noModel" })), [{ title: "[Get Model…]", command: "fathom.getModel" }]);
    assert.equal(sizeProblem(1e9), "[The image is larger than 20 MiB. A smaller crop works better too.]");
    const report = doctorReport([{ topic: "Model", verdict: "bad", text: "It is gone." }]);
    assert.equal(report, "# [Fathom doctor]\n\n- [problem] · **Model**: It is gone.\n");
    const conversation = new Conversation();
    conversation.begin("Why?");
    assert.deepEqual(conversation.cancel().notes, ["[It was stopped; the text so far is kept.]"]);
  });

  it("may order the values as it likes", () => {
    config({ contents: { "{0} of {1} files": "{1} / {0}" } });
    assert.match(readingLine(reading), /, 9 \/ 3, 25 %/);
  });
});

/** Words that are shown as they stand in the source. */
function rawTexts(tree: Node): string[] {
  const given = callsOf(tree, (name) => SHOWN_BY.test(name)).flatMap(argumentsOf);
  const properties = tree
    .descendantsOfType("pair")
    .filter((pair) => SHOWN_AS.test(pair.childForFieldName("key")?.text ?? ""))
    .flatMap((pair) => pair.childForFieldName("value") ?? []);
  const assigned = tree
    .descendantsOfType("assignment_expression")
    .filter((set) => SHOWN_AS.test(set.childForFieldName("left")?.childForFieldName("property")?.text ?? ""))
    .flatMap((set) => set.childForFieldName("right") ?? []);
  const shown = [...given, ...properties, ...assigned].flatMap(literalsIn);
  return [...new Set(shown)].filter((text) => text !== NAME && /\p{L}/u.test(text.replace(/\$\([\w~-]+\)/g, "")));
}

/** Not those of calls: their result is shown, and calls that show something are looked at by themselves. */
function literalsIn(node: Node): string[] {
  if (node.type === "string_fragment") return [node.text];
  if (/call_expression|new_expression|function|template_substitution/.test(node.type)) return [];
  if (node.type === "pair" || node.type === "member_expression") return [];
  return node.namedChildren.flatMap(literalsIn);
}

function stringsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(stringsIn) : [];
}

/** The strings of all fields with such names, at any depth. */
function fieldsOf(value: unknown, names: RegExp): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (names.test(key) ? stringsIn(inner) : fieldsOf(inner, names)));
}
