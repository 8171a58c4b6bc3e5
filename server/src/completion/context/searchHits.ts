// The source that searches the index for the names at the cursor: where else they are used.
import type { Workspace } from "../../codebase/workspace.ts";
import type { Candidate, Source, Surroundings } from "./contextItems.ts";
import { linesOf } from "./excerpts.ts";

/** The search is for what the cursor's lines are about, not for everything around them. */
const MAX_NAMES = 6;
/** Hits of the own file are passed over. */
const MAX_HITS = 10;
const MAX_GIVEN = 4;
/** Of one hit, lines. */
const MAX_LINES = 40;
/** Each hit is worth so much less than the one before. */
const SCORE_STEP = 0.15;

export class SearchHits implements Source {
  readonly name = "search";
  readonly #workspace: Pick<Workspace, "search">;

  constructor(workspace: Pick<Workspace, "search">) {
    this.#workspace = workspace;
  }

  async gather({ uri, names, texts }: Surroundings, signal: AbortSignal): Promise<Candidate[]> {
    if (names.length === 0) return [];
    const query = names.slice(0, MAX_NAMES).map(({ name }) => name);
    const places = await this.#workspace.search(query.join(" "), MAX_HITS, { signal });
    const others = places.filter((place) => place.uri !== uri).slice(0, MAX_GIVEN);
    const files = await Promise.all(others.map((place) => texts.ofUri(place.uri)));
    return others.flatMap(({ startLine, endLine, reason }, rank) => {
      const file = files[rank];
      const excerpt = file && linesOf(file, startLine, Math.min(endLine, startLine + MAX_LINES - 1));
      return excerpt === undefined ? [] : [{ ...excerpt, score: 1 - rank * SCORE_STEP, reason: `found: ${reason}` }];
    });
  }
}
