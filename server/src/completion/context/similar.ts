// The source that finds in the open files the lines most like those at the cursor, by the names in them.
import type { TextDocument } from "vscode-languageserver-textdocument";
import type { Documents } from "../../documents.ts";
import { canonicalUri } from "../../uris.ts";
import type { Candidate, Source, Surroundings } from "./contextItems.ts";
import { linesOf } from "./excerpts.ts";
import type { FileText } from "./fileTexts.ts";
import { identifiersIn } from "./surroundings.ts";

/** Of the lines compared, here and there. */
const WINDOW_LINES = 60;
/** How many of them stand behind the cursor. */
const LINES_BEHIND = 12;
/** Open files that are looked into, those opened last. */
const MAX_FILES = 20;
const MAX_GIVEN = 4;
/** A larger file would keep the server from answering, characters. */
const MAX_CHARS = 300_000;
/** Windows of unrelated code of one project share about a tenth of their names. */
const LEAST_LIKENESS = 0.15;

export class SimilarWindows implements Source {
  readonly name = "similar";
  readonly #documents: Pick<Documents, "all">;
  /** Names by line, of the version that was looked into last. */
  readonly #names = new WeakMap<TextDocument, { hash: string; names: readonly ReadonlySet<string>[] }>();

  constructor(documents: Pick<Documents, "all">) {
    this.#documents = documents;
  }

  async gather({ uri, lines, cursorLine, texts }: Surroundings, signal: AbortSignal): Promise<Candidate[]> {
    const end = Math.min(lines.length, cursorLine + LINES_BEHIND + 1);
    const own = identifiersIn(lines.slice(Math.max(0, end - WINDOW_LINES), end).join("\n"));
    const found: Candidate[] = [];
    const others = this.#documents.all().filter((document) => canonicalUri(document.uri) !== uri);
    for (const document of others.slice(-MAX_FILES)) {
      const file = await texts.ofUri(document.uri);
      signal.throwIfAborted();
      if (file === undefined || file.text.length > MAX_CHARS) continue;
      const best = bestWindow(this.#namesOf(document, file), own);
      const excerpt = linesOf(file, best.startLine, best.startLine + WINDOW_LINES - 1);
      if (best.likeness < LEAST_LIKENESS || excerpt === undefined) continue;
      found.push({ ...excerpt, score: Math.min(1, best.likeness * 2), reason: "an open file with the same names" });
    }
    return found.sort((a, b) => b.score - a.score).slice(0, MAX_GIVEN);
  }

  #namesOf(document: TextDocument, file: FileText): readonly ReadonlySet<string>[] {
    const known = this.#names.get(document);
    if (known?.hash === file.hash) return known.names;
    const names = file.lines.map(identifiersIn);
    this.#names.set(document, { hash: file.hash, names });
    return names;
  }
}

/** @returns Where the window begins whose names are most like the wanted ones, and how like they are: shared ÷ all of both. */
function bestWindow(
  names: readonly ReadonlySet<string>[],
  wanted: ReadonlySet<string>,
): { startLine: number; likeness: number } {
  const counts = new Map<string, number>();
  let nShared = 0;
  let best = { startLine: 0, likeness: 0 };
  const change = (name: string, by: 1 | -1) => {
    const count = (counts.get(name) ?? 0) + by;
    if (count === 0) counts.delete(name);
    else counts.set(name, count);
    const cameOrWent = by === 1 ? count === 1 : count === 0;
    if (cameOrWent && wanted.has(name)) nShared += by;
  };
  for (const [line, entering] of names.entries()) {
    for (const name of entering) change(name, 1);
    const startLine = line - WINDOW_LINES + 1;
    for (const name of names[startLine - 1] ?? []) change(name, -1);
    if (startLine < 0 && line < names.length - 1) continue;
    const likeness = nShared / Math.max(1, counts.size + wanted.size - nShared);
    if (likeness > best.likeness) best = { startLine: Math.max(0, startLine), likeness };
  }
  return best;
}
