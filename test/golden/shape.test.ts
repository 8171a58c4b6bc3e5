// One line or several, by golden cases: with what the real parser says, or by lines alone where there is no grammar.
import assert from "node:assert/strict";
import { shapeOf } from "../../server/src/completion/shape.ts";
import type { CursorSyntax } from "../../server/src/syntax/cursorMessages.ts";
import { CursorTrees } from "../../server/src/syntax/cursorTrees.ts";
import { rulesFor } from "../../server/src/syntax/languages.ts";
import { GRAMMAR_DIR } from "../unit/syntax/samples.ts";
import { goldenTests, type Section } from "./golden.ts";
import { placeOf } from "./goldenPlace.ts";

const trees = new CursorTrees(GRAMMAR_DIR);

describe("completion: one line or several", () => {
  goldenTests("shape", async (golden) => {
    const file = golden.optional("file");
    const section = file ?? golden.section("lines");
    const { multiLine, reason } = shapeOf(placeOf(section), file === undefined ? undefined : await syntaxOf(file));
    return `${multiLine ? "several lines" : "one line"}: ${reason}`;
  });
});

/** In `file` the parser has a say, in `lines` it has none. */
async function syntaxOf(section: Section): Promise<CursorSyntax> {
  const { path, textBefore, textAfter } = placeOf(section);
  assert.ok(rulesFor(path) !== undefined, `there is a grammar for ${path}`);
  const answer = await trees.answer({ path, text: textBefore + textAfter, offset: textBefore.length });
  assert.ok("facts" in answer);
  return answer.facts;
}
