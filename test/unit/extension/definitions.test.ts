// Tests what the extension answers the server about definitions: places alone, few, each once, whatever providers do.
import assert from "node:assert/strict";
import type { Position, Uri } from "vscode";
import { findDefinitions } from "../../../extension/src/definitions.ts";

type Range = [line: number, endLine: number];

const rangeOf = ([line, endLine]: Range) => ({ start: { line, character: 0 }, end: { line: endLine, character: 3 } });
const uriOf = (path: string) => ({ toString: () => `file:///w/${path}` });
const location = (path: string, ...range: Range) => ({ uri: uriOf(path), range: rangeOf(range) });
const link = (path: string, ...range: Range) => ({
  targetUri: uriOf(path),
  targetRange: rangeOf(range),
  targetSelectionRange: rangeOf([0, 0]),
});

/** @param answer What the providers say at a position of a line. */
async function find(nPositions: number, answer: (isType: boolean, line: number) => unknown, cancelled = false) {
  const asked: string[] = [];
  const positions = Array.from({ length: nPositions }, (_, line) => ({ line, character: 2 }));
  const places = await findDefinitions(
    { uri: "file:///w/a.ts", positions },
    { isCancellationRequested: cancelled },
    {
      execute: async (command, uri, { line, character }) => {
        asked.push(`${command} ${uri} ${line}:${character}`);
        return answer(command.includes("TypeDefinition"), line);
      },
      uri: (text) => text as unknown as Uri,
      position: (line, character) => ({ line, character }) as Position,
    },
  );
  return {
    asked,
    places: places.map(
      ({ position, uri, range }) => `${position} ${uri.slice(10)}:${range.start.line}-${range.end.line}`,
    ),
  };
}

describe("definitions for the server", () => {
  it("come from both providers, of links the whole target", async () => {
    const { asked, places } = await find(1, (isType) =>
      isType ? [location("type.ts", 7, 7)] : [link("value.ts", 3, 9)],
    );
    assert.deepEqual(asked, [
      "vscode.executeDefinitionProvider file:///w/a.ts 0:2",
      "vscode.executeTypeDefinitionProvider file:///w/a.ts 0:2",
    ]);
    assert.deepEqual(places, ["0 value.ts:3-9", "0 type.ts:7-7"]);
  });

  it("are each told once, for the name asked for first", async () => {
    const { places } = await find(3, () => [location("same.ts", 1, 1)]);
    assert.deepEqual(places, ["0 same.ts:1-1"]);
  });

  it("are few for each name, and asked for few names", async () => {
    const overloads = Array.from({ length: 9 }, (_, line) => line);
    const { asked, places } = await find(20, (isType, position) => {
      return isType ? undefined : overloads.map((line) => location(`f${position}.ts`, line, line));
    });
    assert.equal(asked.length, 16);
    assert.deepEqual([places.length, places[0], places[3]], [24, "0 f0.ts:0-0", "1 f1.ts:0-0"]);
  });

  it("are missing alone for a name whose provider fails", async () => {
    const { places } = await find(2, (_, line) => {
      if (line === 0) throw new Error("the provider failed");
      return [location("b.ts", 1, 1)];
    });
    assert.deepEqual(places, ["1 b.ts:1-1"]);
  });

  it("are none when the server takes its question back", async () => {
    assert.deepEqual((await find(1, () => [location("b.ts", 1, 1)], true)).places, []);
  });
});
