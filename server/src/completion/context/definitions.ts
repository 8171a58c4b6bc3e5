// The sources that know definitions: the editor's own language features, asked through the client, and the index, by name.
import { CancellationTokenSource, type Connection } from "vscode-languageserver/node";
import type { IndexService } from "../../index/indexService.ts";
import type { SymbolEntry } from "../../index/symbolTable.ts";
import { isCompound } from "../../index/words.ts";
import { type DefinitionPlace, type DefinitionsParams, DefinitionsRequest } from "../../protocol/contextMessages.ts";
import { canonicalUri } from "../../uris.ts";
import type { Candidate, Source, Surroundings } from "./contextItems.ts";
import { extentAt, type Outlines } from "./excerpts.ts";

/** Names that the editor is asked for; each takes its language server time. */
const MAX_ASKED = 8;
/** Definitions that are looked into. */
const MAX_PLACES = 16;
/** A shorter name of one word (`uri`, `after`) is the name of something else too often, characters. */
const TELLING_CHARS = 8;
/** A name that more files define says nothing about which one is meant. */
const MAX_DEFINERS = 3;
/** Each name is worth so much less than the next nearer one. */
const SCORE_STEP = 0.06;
/** What is defined in a file that is neither imported nor in the same folder is worth so much less. */
const ELSEWHERE_FACTOR = 0.7;

/** Asks the client. @returns What it answered, not looked at yet. */
export type AskForDefinitions = (params: DefinitionsParams, signal: AbortSignal) => Promise<unknown>;

/** For clients that announce `definitions` in their initialization options. */
export function askClient(connection: Connection): AskForDefinitions {
  return async (params, signal) => {
    const cancellation = new CancellationTokenSource();
    const cancel = () => cancellation.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      return await connection.sendRequest(DefinitionsRequest.type, params, cancellation.token);
    } finally {
      signal.removeEventListener("abort", cancel);
      cancellation.dispose();
    }
  };
}

/** Definitions by the editor's language features. */
export class EditorDefinitions implements Source {
  readonly name = "definitions";
  readonly #ask: AskForDefinitions;
  readonly #outlines: Outlines;

  constructor(ask: AskForDefinitions, outlines: Outlines) {
    this.#ask = ask;
    this.#outlines = outlines;
  }

  async gather(surroundings: Surroundings, signal: AbortSignal): Promise<Candidate[]> {
    const { uri, names, texts } = surroundings;
    const asked = names.slice(0, MAX_ASKED);
    if (asked.length === 0) return [];
    const positions = asked.map(({ line, character }) => ({ line, character }));
    const places = placesIn(await this.#ask({ uri, positions }, signal), asked.length);
    const elsewhere = places.filter((place) => canonicalUri(place.uri) !== uri).slice(0, MAX_PLACES);
    const found = await Promise.all(
      elsewhere.map(async ({ uri: other, range, position }): Promise<Candidate[]> => {
        const file = await texts.ofUri(other);
        if (file === undefined || range.start.line >= file.lines.length) return [];
        const extent = extentAt(file, range.start.line, range.end.line);
        const excerpt = await this.#outlines.definition(file, extent, signal);
        const reason = `definition of ${asked[position]!.name}`;
        return excerpt === undefined ? [] : [{ ...excerpt, score: 1 - position * SCORE_STEP, reason }];
      }),
    );
    return found.flat();
  }
}

/** Definitions by the names in the index. */
export class IndexedDefinitions implements Source {
  readonly name = "symbols";
  readonly #index: Pick<IndexService, "named" | "imported">;
  readonly #outlines: Outlines;

  constructor(index: Pick<IndexService, "named" | "imported">, outlines: Outlines) {
    this.#index = index;
    this.#outlines = outlines;
  }

  async gather({ path, names, texts }: Surroundings, signal: AbortSignal): Promise<Candidate[]> {
    if (names.length === 0) return [];
    const asked = names.map(({ name }) => name);
    const [entries, imported] = await Promise.all([
      this.#index.named(asked, signal),
      this.#index.imported(path, signal),
    ]);
    const isNear = (other: string) => imported.includes(other) || folderOf(other) === folderOf(path);
    const wanted = asked.flatMap((name, rank) => {
      return likelyEntries(
        entries.filter((entry) => entry.name === name),
        path,
        isNear,
      ).map((entry) => ({ entry, rank }));
    });
    const found = await Promise.all(
      wanted.slice(0, MAX_PLACES).map(async ({ entry, rank }): Promise<Candidate[]> => {
        const { line: startLine, endLine = startLine, name } = entry;
        const file = await texts.ofPath(entry.path);
        // The index may be a moment behind the text.
        if (file?.lines.slice(startLine, endLine + 1).some((text) => text.includes(name)) !== true) return [];
        const excerpt = await this.#outlines.definition(file, { startLine, endLine }, signal);
        if (excerpt === undefined) return [];
        const factor = isNear(entry.path) ? 1 : ELSEWHERE_FACTOR;
        return [{ ...excerpt, score: (1 - rank * SCORE_STEP) * factor, reason: `${name} is defined there` }];
      }),
    );
    return found.flat();
  }
}

/**
 * Without a type checker a name can mean anything that is called so: taken is what is imported or lies in the same folder,
 * else the only definition of a name that is hardly a coincidence.
 * @param entries Of one name.
 * @returns None for a name that the file defines itself: then that one is meant.
 */
function likelyEntries(
  entries: readonly SymbolEntry[],
  path: string,
  isNear: (path: string) => boolean,
): readonly SymbolEntry[] {
  if (entries.some((entry) => entry.path === path)) return [];
  const near = entries.filter((entry) => isNear(entry.path));
  if (near.length > 0) return near.length > MAX_DEFINERS ? [] : near;
  const isTelling = entries.some(
    ({ name }) => name.length >= TELLING_CHARS || isCompound(name) || /^\p{Lu}/u.test(name),
  );
  return entries.length === 1 && isTelling ? entries : [];
}

/** @returns What is well formed in a client's answer. */
function placesIn(answer: unknown, nPositions: number): DefinitionPlace[] {
  const places: unknown[] = Array.isArray(answer) ? answer : [];
  return places.filter((place): place is DefinitionPlace => {
    const { uri, range, position } = (place ?? {}) as Partial<DefinitionPlace>;
    const lines = [range?.start?.line, range?.end?.line];
    const isAsked = Number.isSafeInteger(position) && position! >= 0 && position! < nPositions;
    return typeof uri === "string" && isAsked && lines.every((line) => Number.isSafeInteger(line) && line! >= 0);
  });
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}
