// Where a growing text stops and what is kept of it, by golden cases; each text comes in pieces of several sizes.
import assert from "node:assert/strict";
import { type Kept, StreamStops } from "../../server/src/completion/streamStops.ts";
import { goldenTests } from "./golden.ts";
import { placeOf } from "./goldenPlace.ts";

/** Characters of the pieces, over and over. */
const CUTS: readonly (readonly number[])[] = [[1], [1, 2, 3, 5, 8], [7, 4], [1000]];

describe("completion: stopping while the text streams", () => {
  goldenTests("streamStops", (golden) => {
    const place = placeOf(golden.section("file"));
    const said = golden.section("said");
    const multiLine = said.argument !== "one line";
    const results = CUTS.map((sizes) => fed(new StreamStops(place, { multiLine, reason: "" }), said.text, sizes));
    for (const result of results.slice(1)) assert.deepEqual(result, results[0]);
    const { stop, text, reason } = results[0]!;
    return `${stop ? `stops: ${reason}` : "goes on"}\n${text}`;
  });
});

/** The last answer; nothing is fed behind a stop, as an engine would be stopped there. */
function fed(stops: StreamStops, text: string, sizes: readonly number[]): Kept {
  let kept: Kept = { stop: false, text: "" };
  for (let end = 0, turn = 0; end < text.length && !kept.stop; turn++) {
    end = Math.min(text.length, end + sizes[turn % sizes.length]!);
    kept = stops.push(text.slice(0, end));
  }
  return kept;
}
