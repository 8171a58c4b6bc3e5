// Makes questions with known answers out of a codebase: documentation → what it documents, test → what it tests, import → definition.
import { createHash } from "node:crypto";
import { codeWords } from "../../server/src/index/codeWords.ts";
import { ImportResolver } from "../../server/src/index/importResolver.ts";
import type { Stretch } from "../../server/src/syntax/excerpts.ts";
import type { FileSyntax } from "../../server/src/syntax/fileSyntax.ts";
import type { CorpusFile, Language } from "./retrievalCorpus.ts";

export const KINDS = ["doc", "test", "import"] as const;
export type Kind = (typeof KINDS)[number];
export const HALVES = ["tune", "test"] as const;
export type Half = (typeof HALVES)[number];

/** Lines of a file, 0-based, inclusive. */
export interface Target {
  path: string;
  startLine: number;
  endLine: number;
}

export interface RetrievalQuery {
  kind: Kind;
  language: Language;
  half: Half;
  text: string;
  /** Any of these is right. */
  targets: Target[];
  /** The file that the question comes from: it is open, and no answer itself. */
  from?: string;
}

/** A declaration and where its documentation stands. */
export interface Declared extends Target {
  name: string;
  doc?: Stretch;
}

/** A file with what it declares. */
export interface DeclaredFile extends CorpusFile {
  declared: readonly Declared[];
}

/** Words that a description must have to ask for something, and at most. */
const MIN_WORDS = 5;
const MAX_WORDS = 60;
/** Questions of one file, so that no file decides. */
const MAX_PER_FILE = 6;
/** Questions of one kind, language and half. */
const MAX_PER_GROUP = 250;
/** A name with more places is no name of one thing. */
const MAX_TARGETS = 6;
/** Of a long definition only its beginning is the answer, lines. */
const MAX_TARGET_LINES = 40;
const LINES_OF_TEST = 12;
const MAX_QUERY_CHARS = 400;
const MIN_NAME_CHARS = 4;

const NOT_DOCUMENTATION =
  /copyright|licen[sc]e|spdx|eslint|@ts-|todo|fixme|https?:|region|[=*#-]{4}|[{}<>;]|^\S+\.[jt]s\b/i;
const COMMENT_MARKS = /^\s*(?:\/\*+!?<?|\*+(?!\/)|\/\/[/!]?<?|#+|[rRuU]?"""|''')?\s?/;
const COMMENT_END = /\s*(?:\*+\/|"""|''')\s*$/;
/** Parameters and the like; the description stands before them. */
const SECTION = /^(?:[@\\:]\w|(?:args|arguments|returns?|parameters|raises|example|yields|note|usage)\s*:)/i;
const TEST_FILE = /(?:^|\/)(?:tests?|specs?|__tests__)\/|[._-](?:test|spec)\.\w+$|(?:^|\/)test_[^/]*$/;
const TEST_BEGIN = /^\s*(?:(?:test|it)\(\s*(["'`])(?<title>.+?)\1|def test_?(?<name>\w+)\()/;
const CALLED = /([A-Za-z_$][\w$]*)\s*\(/g;
const IMPORT_LINE =
  /^\s*(?:import\b|from\b|export\b.*\bfrom\b|#\s*include|(?:const|let|var)\b.*\brequire\(|\/\/|\/?\*|#)/;

/** @returns The description of a documentation comment on one line; undefined if it describes nothing. */
export function descriptionOf(doc: string): string | undefined {
  const lines: string[] = [];
  for (const raw of doc.split("\n")) {
    const line = raw.replace(COMMENT_MARKS, "").replace(COMMENT_END, "").trim();
    if (SECTION.test(line) || (line === "" && lines.length > 0)) break;
    if (line !== "") lines.push(line);
  }
  const link = /\{@\w+\s+([^}|]+)[^}]*\}/g;
  const plain = lines.join(" ").replace(link, "$1").replaceAll("`", "").trim();
  const words = codeWords(plain).length;
  return words < MIN_WORDS || words > MAX_WORDS || NOT_DOCUMENTATION.test(plain) ? undefined : plain;
}

/**
 * Questions by documentation, one for each description that stands only once.
 * @returns The questions, and the files without the documentation that answers them word for word; lines stay where they are.
 */
export function docQueries(files: readonly DeclaredFile[]): { queries: RetrievalQuery[]; files: CorpusFile[] } {
  const byDescription = new Map<string, { file: DeclaredFile; declared: Declared }[]>();
  const byName = new Map<string, Declared[]>();
  for (const file of files) {
    for (const declared of file.declared) {
      addTo(byName, nameKey(file, declared.name), declared);
      const { doc } = declared;
      const text = doc === undefined ? undefined : descriptionOf(file.text.slice(doc.start, doc.end));
      if (text !== undefined) addTo(byDescription, text, { file, declared });
    }
  }
  const queries: RetrievalQuery[] = [];
  for (const [text, places] of byDescription) {
    const { file, declared } = places[0]!;
    if (places.length > 1 || isTestFile(file.path) || file.language === undefined) continue;
    const same = byName.get(nameKey(file, declared.name))!;
    const targets = (same.length <= MAX_TARGETS ? same : [declared]).map(targetOf);
    queries.push({ kind: "doc", language: file.language, half: halfOf(file), text, targets });
  }
  const chosen = sample(queries);
  const asked = new Set(chosen.map(({ text }) => text));
  const gone = new Map<string, Stretch[]>();
  for (const [text, places] of byDescription) {
    if (asked.has(text)) for (const { file, declared } of places) addTo(gone, file.path, declared.doc!);
  }
  return { queries: chosen, files: files.map((file) => blanked(file, gone.get(file.path) ?? [])) };
}

/** Declarations of one name: in C and C++ declared in one file and defined in another, elsewhere overloads. */
function nameKey({ path, package: owner, language }: CorpusFile, name: string): string {
  return `${language === "cpp" ? owner : path} ${name}`;
}

function blanked({ declared: _, ...file }: DeclaredFile, stretches: readonly Stretch[]): CorpusFile {
  let { text } = file;
  for (const { start, end } of [...stretches].sort((a, b) => b.start - a.start)) {
    text = text.slice(0, start) + text.slice(start, end).replace(/[^\n]/g, "") + text.slice(end);
  }
  return { ...file, text };
}

/**
 * Questions by use: a name with a line that uses it, from a file that imports the file that defines it.
 * @param syntaxes By path, with parts.
 */
export function importQueries(
  files: readonly CorpusFile[],
  syntaxes: ReadonlyMap<string, FileSyntax>,
): RetrievalQuery[] {
  const resolver = new ImportResolver(files.map(({ path }) => path));
  const byPath = new Map(files.map((file) => [file.path, file]));
  const queries: RetrievalQuery[] = [];
  for (const file of files) {
    const syntax = syntaxes.get(file.path);
    if (syntax === undefined || file.language === undefined || isTestFile(file.path)) continue;
    const { references, imports } = syntax;
    const imported = new Set(imports.flatMap((text) => resolver.resolve(file.path, text)));
    const inPackage = [...imported].filter((path) => path !== file.path && byPath.get(path)?.package === file.package);
    for (const name of references) {
      const targets = inPackage.flatMap((path) => definitionsIn(path, syntaxes.get(path), name));
      const line = lineWith(file.text, name);
      if (name.length < MIN_NAME_CHARS || line === undefined) continue;
      if (targets.length === 0 || new Set(targets.map(({ path }) => path)).size > 1) continue;
      const text = `${name} ${line}`.slice(0, MAX_QUERY_CHARS);
      queries.push({ kind: "import", language: file.language, half: halfOf(file), text, targets, from: file.path });
    }
  }
  return sample(queries);
}

/**
 * Questions by tests: title and first lines of a test, from the file of the tests. The tested function is the first one
 * called that has exactly one definition in the package.
 */
export function testQueries(files: readonly CorpusFile[], syntaxes: ReadonlyMap<string, FileSyntax>): RetrievalQuery[] {
  const definitions = new Map<string, Target[]>();
  for (const { path, package: owner, language } of files) {
    if (language === undefined || isTestFile(path)) continue;
    for (const { name, line, endLine } of syntaxes.get(path)?.parts?.symbols ?? []) {
      addTo(definitions, `${owner} ${name}`, targetOf({ path, startLine: line, endLine }));
    }
  }
  const queries: RetrievalQuery[] = [];
  for (const file of files) {
    if (file.language === undefined || !isTestFile(file.path)) continue;
    for (const { title, body } of testsIn(file.text)) {
      const called = [...body.matchAll(CALLED)].map(([, name]) => definitions.get(`${file.package} ${name}`));
      const targets = called.find((places) => places?.length === 1);
      if (targets === undefined) continue;
      const text = `${title}\n${body}`.slice(0, MAX_QUERY_CHARS);
      queries.push({ kind: "test", language: file.language, half: halfOf(file), text, targets, from: file.path });
    }
  }
  return sample(queries);
}

function testsIn(text: string): { title: string; body: string }[] {
  const lines = text.split("\n");
  const starts = [...lines.keys()].filter((line) => TEST_BEGIN.test(lines[line]!));
  return starts.map((start, index) => {
    const { title, name } = TEST_BEGIN.exec(lines[start]!)!.groups!;
    const end = Math.min(start + LINES_OF_TEST, starts[index + 1] ?? lines.length);
    return { title: title ?? name!, body: lines.slice(start + 1, end).join("\n") };
  });
}

function definitionsIn(path: string, syntax: FileSyntax | undefined, name: string): Target[] {
  const symbols = syntax?.parts?.symbols.filter((symbol) => symbol.name === name && symbol.container === "") ?? [];
  return symbols.map(({ line, endLine }) => targetOf({ path, startLine: line, endLine }));
}

function lineWith(text: string, name: string): string | undefined {
  if (!/^[\w$]+$/.test(name)) return undefined;
  const word = new RegExp(`(?<![\\w$])${name.replaceAll("$", "\\$")}(?![\\w$])`);
  return text
    .split("\n")
    .find((line) => word.test(line) && !IMPORT_LINE.test(line))
    ?.trim();
}

function isTestFile(path: string): boolean {
  return TEST_FILE.test(path);
}

function targetOf({ path, startLine, endLine }: Target): Target {
  return { path, startLine, endLine: Math.min(endLine, startLine + MAX_TARGET_LINES - 1) };
}

/** By package; where a language has two packages, by file, a header together with its implementation. */
function halfOf({ path, package: owner, language }: CorpusFile): Half {
  const group = language === "cpp" || language === "python" ? path.replace(/\.\w+$/, "") : owner;
  return HALVES[digest(group)[0]! & 1]!;
}

/** The same questions each time, in an order that says nothing: few of a file, not too many of a group. */
function sample(queries: readonly RetrievalQuery[]): RetrievalQuery[] {
  const counts = new Map<string, number>();
  const take = (key: string, most: number) => {
    const count = (counts.get(key) ?? 0) + 1;
    if (count <= most) counts.set(key, count);
    return count <= most;
  };
  return queries
    .map((query) => ({ query, order: digest(`${query.targets[0]!.path} ${query.text}`).toString("hex") }))
    .sort((a, b) => (a.order < b.order ? -1 : 1))
    .map(({ query }) => query)
    .filter(({ from, targets }) => take(`file ${from ?? targets[0]!.path}`, MAX_PER_FILE))
    .filter(({ language, half }) => take(`${language} ${half}`, MAX_PER_GROUP));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function addTo<T>(map: Map<string, T[]>, key: string, value: T): void {
  const values = map.get(key);
  if (values === undefined) map.set(key, [value]);
  else values.push(value);
}
