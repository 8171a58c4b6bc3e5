// Reads back what the model has seen: base and overlay as plain text become files again, by rules written down here alone.

/** What the text says of the workspace. */
export interface Seen {
  /** Files whose whole text is there or follows from what is there. */
  texts: Map<string, string>;
  /** Files that it says it does not show, or shows in an older version or by their signatures only. */
  notShown: Set<string>;
  /** So many more that it counts without naming them. */
  alsoNotShown: number;
  /** It says that the base breaks off. */
  brokenOff: boolean;
  /** Texts of the base alone. */
  base: Map<string, string>;
  /** Files that have an entry behind the base, the earlier paths of renamed ones too. */
  changed: Set<string>;
}

const LIST_HEAD = "All files, by folder:";
const NAMED_HEAD = "// These files changed too; their newest text is not shown:";
const BROKEN_OFF = "Reading was not finished:";
const ENTRY = /^(.+?) \/\/ (changed: its whole text|changed: only in|new: |gone: |renamed from )/;

/**
 * @param sections What stands between the separators, without the text before the first one.
 * @throws Error if a section cannot be understood.
 */
export function readSeen(sections: readonly string[]): Seen {
  const seen: Seen = {
    texts: new Map(),
    notShown: new Set(),
    alsoNotShown: 0,
    brokenOff: false,
    base: new Map(),
    changed: new Set(),
  };
  for (const [index, section] of sections.entries()) {
    const end = section.indexOf("\n");
    const head = end < 0 ? section : section.slice(0, end);
    const body = section.slice(end + 1);
    const entry = ENTRY.exec(head);
    // The file in which the base breaks off is no whole file.
    if (sections[index + 1]?.startsWith(BROKEN_OFF)) continue;
    if (head.startsWith(LIST_HEAD)) readList(seen, `${head}\n${body}`);
    else if (head.startsWith(BROKEN_OFF)) seen.brokenOff = true;
    else if (head === NAMED_HEAD) readNamed(seen, body);
    else if (entry !== null) readEntry(seen, entry[1]!, head.slice(entry[1]!.length + " // ".length), body);
    else if (head.endsWith(" (signatures only)")) seen.notShown.add(head.slice(0, -" (signatures only)".length));
    else {
      seen.texts.set(head, withoutLastLineEnd(body));
      seen.base.set(head, withoutLastLineEnd(body));
    }
  }
  return seen;
}

function readEntry(seen: Seen, path: string, what: string, body: string): void {
  const renamed = /^renamed from (.+) \/\/ (the same text|its text is changed only in these places)$/.exec(what);
  const from = renamed?.[1] ?? path;
  const before = seen.texts.get(from);
  const known = !seen.notShown.has(from);
  seen.changed.add(path).add(from);
  if (renamed !== null) {
    seen.texts.delete(from);
    seen.notShown.delete(from);
  }
  seen.notShown.delete(path);
  if (what.startsWith("gone: ")) {
    seen.texts.delete(path);
    if (body !== "") throw new Error(`${path} is gone and has a text`);
  } else if (what.startsWith("new: ") || what.startsWith("changed: its whole text")) {
    seen.texts.set(path, withoutLastLineEnd(body));
  } else if (before === undefined || !known) {
    // Lines of a text that is not there.
    if (renamed === null && !seen.brokenOff) throw new Error(`${path} changed in places, but it is not there`);
    seen.notShown.add(path);
  } else seen.texts.set(path, renamed?.[2] === "the same text" ? before : applyHunks(before, body));
}

function readNamed(seen: Seen, body: string): void {
  for (const line of linesOf(body)) {
    const more = /^\/\/ and (\d+) more$/.exec(line);
    if (more !== null) seen.alsoNotShown = Number(more[1]);
    else seen.notShown.add(line);
  }
}

/** `folder/: whole, "qu,oted"; signatures only: a; not here: b` */
function readList(seen: Seen, text: string): void {
  for (const line of linesOf(text).slice(1)) {
    const folder = line.slice(0, line.indexOf(": "));
    let form = "whole";
    for (const [, words, quoted, plain] of line
      .slice(folder.length + 2)
      .matchAll(/(?:(signatures only|not here): )?(?:("(?:[^"\\]|\\.)*")|([^,;]+))(?:[,;] |$)/g)) {
      form = words ?? form;
      const name = quoted === undefined ? plain! : (JSON.parse(quoted) as string);
      const path = folder === "./" ? name : folder + name;
      if (form !== "whole" && !seen.texts.has(path)) seen.notShown.add(path);
    }
  }
}

/** Strict: each line that shall be there must be there, at the place that is told. */
export function applyHunks(before: string, diff: string): string {
  const old = piecesOf(before);
  const now: string[] = [];
  let at = 0;
  let left = { old: 0, now: 0 };
  let lastSign = "";
  for (const line of linesOf(diff)) {
    const head = /^@@ -(\d+),(\d+) \+(\d+),(\d+) @@$/.exec(line);
    if (left.old === 0 && left.now === 0 && head !== null) {
      const [, start, oldLines, , newLines] = head.map(Number);
      const first = oldLines === 0 ? start! : start! - 1;
      if (first < at) throw new Error("hunks overlap");
      now.push(...old.slice(at, first));
      at = first;
      left = { old: oldLines!, now: newLines! };
      continue;
    }
    const [sign, text] = [line.slice(0, 1), line.slice(1)];
    if (sign === "\\") {
      // Of the line before it, old or new: the last line of a file without a line end.
      const last = now.at(-1);
      if (last?.endsWith("\n") && lastSign !== "-") now[now.length - 1] = last.slice(0, -1);
      continue;
    }
    if (sign !== "+") {
      const wanted = old[at]?.replace(/\n$/, "");
      if (wanted !== text) throw new Error(`line ${at + 1} is ${JSON.stringify(wanted)}, not ${JSON.stringify(text)}`);
      at += 1;
      left.old -= 1;
    }
    if (sign !== "-") {
      now.push(`${text}\n`);
      left.now -= 1;
    }
    lastSign = sign;
  }
  if (left.old !== 0 || left.now !== 0) throw new Error("a hunk is not whole");
  return [...now, ...old.slice(at)].join("");
}

function linesOf(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

/** Lines with their line ends. */
function piecesOf(text: string): string[] {
  return text.split(/(?<=\n)/).filter((piece) => piece !== "");
}

function withoutLastLineEnd(body: string): string {
  if (!body.endsWith("\n")) throw new Error(`a text that does not end: ${JSON.stringify(body.slice(-40))}`);
  return body.slice(0, -1);
}
