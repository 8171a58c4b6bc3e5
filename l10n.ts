// Exports the texts of the extension for translators, and reads the manifest with its texts in place; translates nothing.
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Language, type Node, Parser } from "web-tree-sitter";

const ROOT = import.meta.dirname;
const SOURCES = join(ROOT, "extension", "src");
const GRAMMAR = join(ROOT, "node_modules/@vscode/tree-sitter-wasm/wasm/tree-sitter-typescript.wasm");
const PLACEHOLDER = /^%([\w.-]+)%$/;

/** What translators get; VS Code's manifest names its folder. */
export const BUNDLE = join(ROOT, "l10n", "bundle.l10n.json");

/** A call of `l10n.t`. */
export interface TextCall {
  /** The English text, which is the key of its translations. */
  text: string;
  /** How many values go into it. */
  values: number;
  /** True where it stands outside of any function or field: such a text is chosen before the translations are there. */
  isEarly: boolean;
}

/** @returns The syntax trees of the extension's sources, by file name. */
export async function extensionTrees(): Promise<Map<string, Node>> {
  const parse = await typescriptParser();
  const names = (await readdir(SOURCES)).filter((name) => name.endsWith(".ts")).sort();
  const trees = names.map(async (name) => [name, parse(await readFile(join(SOURCES, name), "utf8"))] as const);
  return new Map(await Promise.all(trees));
}

/** @returns What turns a source into its syntax tree. */
export async function typescriptParser(): Promise<(source: string) => Node> {
  await Parser.init();
  const parser = new Parser();
  parser.setLanguage(await Language.load(GRAMMAR));
  return (source) => {
    const tree = parser.parse(source);
    if (tree === null || tree.rootNode.hasError) throw new Error("A source does not parse. Nothing was exported.");
    return tree.rootNode;
  };
}

/**
 * The calls of `l10n.t` in a source.
 * @throws Error for a text that is put together: only a whole one can be looked up.
 */
export function textCalls(root: Node): TextCall[] {
  return callsOf(root, (name) => name === "l10n.t").map((call) => {
    const [text, ...values] = argumentsOf(call);
    if (text?.type !== "string") throw new Error(`This is no whole text, so it cannot be translated: ${call.text}`);
    return { text: stringValue(text), values: values.length, isEarly: isEarly(call) };
  });
}

/** @param isWanted Told what is called, as it is written: `l10n.t`, `window.showInputBox`, `Error` for `new Error(…)`. */
export function callsOf(root: Node, isWanted: (name: string) => boolean): Node[] {
  return root.descendantsOfType(["call_expression", "new_expression"]).filter((call) => {
    const called = call.childForFieldName(call.type === "new_expression" ? "constructor" : "function");
    return called !== null && isWanted(called.text);
  });
}

export function argumentsOf(call: Node): Node[] {
  return call.childForFieldName("arguments")?.namedChildren.filter(({ type }) => type !== "comment") ?? [];
}

/** @returns Each text under itself, in the order of the alphabet: a new one changes one line. */
export async function exportedBundle(): Promise<Record<string, string>> {
  const trees = [...(await extensionTrees()).values()];
  const texts = new Set(trees.flatMap(textCalls).map(({ text }) => text));
  return Object.fromEntries([...texts].sort().map((text) => [text, text]));
}

/**
 * The manifest as people see it.
 * @param manifest Content of package.json, or a part of it.
 * @param texts Content of package.nls.json.
 * @throws Error for a placeholder without a text.
 */
export function withTexts<T>(manifest: T, texts: Readonly<Record<string, string>>): T {
  return JSON.parse(JSON.stringify(manifest), (_key, value) => {
    const key = placeholderKey(value);
    if (key === undefined) return value;
    if (texts[key] === undefined) throw new Error(`package.nls.json has no text for %${key}%.`);
    return texts[key];
  });
}

/** @returns The key of a `%key%`, or undefined for any other value. */
export function placeholderKey(value: unknown): string | undefined {
  return typeof value === "string" ? PLACEHOLDER.exec(value)?.[1] : undefined;
}

/** Escapes as JSON has them, too; the others are not used in texts. */
function stringValue(node: Node): string {
  return JSON.parse(node.text);
}

function isEarly(node: Node): boolean {
  const late = /^(arrow_function|function_declaration|function_expression|method_definition|public_field_definition)$/;
  for (let above = node.parent; above !== null; above = above.parent) if (late.test(above.type)) return false;
  return true;
}

if (import.meta.main) {
  await mkdir(dirname(BUNDLE), { recursive: true });
  const bundle = await exportedBundle();
  await writeFile(BUNDLE, `${JSON.stringify(bundle, undefined, 2)}\n`);
  console.log(`${Object.keys(bundle).length} texts`);
}
