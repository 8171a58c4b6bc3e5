// What is left of a suggestion after the user typed on, by golden cases: asked at one cursor, said, and where the cursor is now.
import { CompletionCache } from "../../server/src/completion/completionCache.ts";
import type { Cursor } from "../../server/src/completion/typingThrough.ts";
import { atCursor, goldenTests, type Section } from "./golden.ts";

const ASK_ANEW = "(the model is asked)";

describe("completion: typing through a suggestion", () => {
  goldenTests("typingThrough", (golden) => {
    const cache = new CompletionCache();
    cache.put(cursorOf(golden.section("asked")), golden.section("said").text);
    return cache.find(cursorOf(golden.section("now")))?.rest ?? ASK_ANEW;
  });
});

function cursorOf(section: Section): Cursor {
  const { before, after } = atCursor(section);
  return { path: section.argument, textBefore: before, textAfter: after };
}
