// The filters between the model's text and ghost text, by golden cases: a folder for each filter, and one for all together.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import type { Filtered, FilterInput } from "../../server/src/completion/filters/filter.ts";
import { FILTERS, postprocess } from "../../server/src/completion/postprocess.ts";
import { type GoldenCase, goldenTests } from "./golden.ts";
import { placeOf } from "./goldenPlace.ts";

const ALL = "all";
/** As a family of models has it: special tokens' texts, a fence at the start of a line, thinking. */
const ARTEFACTS = /^[ \t]*```|<\|\w+\|>|<\/?think>/m;

describe("completion: filters", () => {
  for (const { name, apply } of FILTERS) {
    describe(name, () => goldenTests(`filters/${name}`, (golden) => shown(apply(saidIn(golden), inputOf(golden)))));
  }

  describe("all together", () =>
    goldenTests(`filters/${ALL}`, (golden) => {
      const once = postprocess(saidIn(golden), inputOf(golden));
      if ("text" in once) assert.deepEqual(postprocess(once.text, inputOf(golden)), once, "it is settled");
      return shown(once);
    }));

  it("has cases for every filter and for nothing else", () => {
    const folders = readdirSync(new URL("filters", import.meta.url));
    assert.deepEqual(folders.sort(), [...FILTERS.map(({ name }) => name), ALL].sort());
  });
});

function saidIn(golden: GoldenCase): string {
  return golden.section("said").text;
}

function inputOf(golden: GoldenCase): FilterInput {
  const unit = golden.optional("unit")?.argument ?? "2";
  const removed = golden.optional("removed")?.text;
  return {
    place: placeOf(golden.section("file")),
    singleLine: golden.optional("singleLine") !== undefined,
    indentUnit: unit === "none" ? undefined : unit === "tab" ? "\t" : " ".repeat(Number(unit)),
    artefacts: ARTEFACTS,
    recentlyRemoved: removed === undefined ? [] : [removed],
  };
}

function shown(result: Filtered): string {
  return "text" in result ? result.text : `(nothing, because ${result.reason})`;
}
