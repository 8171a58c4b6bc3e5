// Tests which files count as those that the user is busy with.
import assert from "node:assert/strict";
import { Focus } from "../../../server/src/codebase/focus.ts";
import type { Documents } from "../../../server/src/documents.ts";
import { listed } from "./tempTree.ts";

const PATHS = ["README.md", "src/a.ts", "src/chat/chat.ts", "test/chat/chat.ts", "src/Makefile", "src/my file.ts"];

describe("files in focus", () => {
  it("are the open ones", () => assert.deepEqual(weights(focusOn(["src/a.ts"])), [["src/a.ts", 2]]));

  for (const [question, expected] of [
    ["What does src/a.ts do?", ["src/a.ts"]],
    ["See `./src/a.ts:12-20`.", ["src/a.ts"]],
    ["Look at src\\a.ts#L3!", ["src/a.ts"]],
    ["Is README.md right?", ["README.md"]],
    ["Where is chat.ts tested?", ["src/chat/chat.ts", "test/chat/chat.ts"]],
    ["the build in src/Makefile", ["src/Makefile"]],
    ["What is a chat?", []],
    ["and/or e.g. this", []],
    ["", []],
  ] as [string, string[]][]) {
    it(`are those that "${question}" names`, async () => {
      const focus = focusOn([]);
      await focus.mention(question);
      assert.deepEqual(
        weights(focus),
        expected.map((path) => [path, 1]),
      );
    });
  }

  it("count once, as open", async () => {
    const focus = focusOn(["src/a.ts"]);
    await focus.mention("src/a.ts and README.md");
    assert.deepEqual(weights(focus), [
      ["src/a.ts", 2],
      ["README.md", 1],
    ]);
  });

  it("are forgotten after sixteen others, the ones named longest ago first", async () => {
    const paths = Array.from({ length: 18 }, (_, index) => `f${index}.ts`);
    const focus = focusOn([], paths);
    for (const path of paths) await focus.mention(path);
    await focus.mention("f2.ts");
    const named = weights(focus).map(([path]) => path);
    assert.deepEqual(named, [...paths.slice(3), "f2.ts"]);
  });

  it("are none where a name is that of too many files", async () => {
    const paths = Array.from({ length: 17 }, (_, index) => `p${index}/index.ts`);
    const focus = focusOn([], paths);
    await focus.mention("index.ts");
    assert.deepEqual(weights(focus), []);
  });
});

function focusOn(open: readonly string[], paths: readonly string[] = PATHS): Focus {
  const files = paths.map((path) => listed(path, 1));
  const documents = { all: () => open.map((path) => ({ uri: path })) } as unknown as Pick<Documents, "all">;
  const workspace = {
    files: async () => ({ files, leftOut: [] }),
    fileOf: (uri: string) => files.find(({ path }) => path === uri),
  };
  return new Focus({ workspace, documents });
}

function weights(focus: Focus): [string, number][] {
  return [...focus.weights()];
}
