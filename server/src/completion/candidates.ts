// Further texts for one place, for a user who asked by hand: other than the surest one, those with the fewest syntax errors first.
import type { Engine, Figures, Sampling } from "../../../engine/src/api.ts";
import type { CursorSyntaxService } from "../syntax/cursorSyntax.ts";
import { rankCandidates } from "./candidateRanking.ts";
import type { CompletionPlace } from "./place.ts";
import { keptAtEnd, type Prepared } from "./runningCompletion.ts";

/** Other than the surest text, but not any text: what Qwen recommends for its models without reasoning. */
const VARIED: Sampling = { temperature: 0.7, topP: 0.8, topK: 20 };

export interface CandidateRequest {
  engine: Pick<Engine, "generate">;
  syntax: Pick<CursorSyntaxService, "errorsAdded">;
  place: CompletionPlace;
  /** The surest text; it is not given again. */
  first: string;
  prepared: Prepared;
  /** How many more are asked for; fewer are given where the model says the same again. */
  count: number;
  /** The model has worked for one of them. */
  onWorked: (figures: Figures) => void;
}

/** @throws The signal's reason, EngineError. */
export async function moreCandidates(request: CandidateRequest, signal: AbortSignal): Promise<string[]> {
  const { syntax, place, first, count } = request;
  const texts = new Set<string>();
  for (let seed = 1; seed <= count; seed++) texts.add(await oneMore(request, seed, signal));
  texts.delete(first);
  texts.delete("");
  const candidates = [...texts];
  const { path, textBefore, textAfter } = place;
  const errors = await syntax.errorsAdded(path, textBefore + textAfter, textBefore.length, candidates, signal);
  return rankCandidates(candidates, errors);
}

/** @returns Empty if the model said nothing, or was stopped in the middle. */
async function oneMore(
  { engine, prepared, onWorked }: CandidateRequest,
  seed: number,
  signal: AbortSignal,
): Promise<string> {
  const stops = prepared.newStops();
  const enough = new AbortController();
  let said = "";
  let kept: string | undefined;
  const onChunk = ({ text }: { text: string }) => {
    if (kept !== undefined) return;
    said += text;
    const decided = stops.push(said);
    if (!decided.stop) return;
    kept = decided.text;
    enough.abort();
  };
  // The prompt is the same for all of them, and so is what the model makes of it.
  const asked = { ...prepared.request, sampling: { ...VARIED, seed }, checkpointAtEnd: true as const };
  const hooks = { signal: AbortSignal.any([signal, enough.signal]), onChunk };
  const { text, stopReason, figures } = await engine.generate(asked, hooks);
  onWorked(figures);
  signal.throwIfAborted();
  if (kept !== undefined) return kept;
  // Without our doing it is cancelled when its model is released, and then it is half a text.
  return stopReason === "cancelled" ? "" : keptAtEnd(stops, text, stopReason);
}
