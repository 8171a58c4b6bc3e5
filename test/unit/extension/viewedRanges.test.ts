// Tests that the server hears of lines that stood still in sight for a second, and of no others.
import assert from "node:assert/strict";
import type { TextEditor } from "vscode";
import { watchViews } from "../../../extension/src/viewedRanges.ts";
import type { ViewedParams } from "../../../server/src/protocol/contextMessages.ts";
import { FakeClock } from "../../fakes/fakeClock.ts";

/** @param scheme Of the document; only files belong to a workspace. */
function editor(path: string, startLine: number, scheme = "file"): TextEditor {
  const range = { start: { line: startLine, character: 0 }, end: { line: startLine + 9, character: 1 } };
  const document = { uri: { scheme, toString: () => `${scheme}:///w/${path}` } };
  return { document, visibleRanges: [range] } as unknown as TextEditor;
}

function watched() {
  const clock = new FakeClock();
  const sent: ViewedParams[] = [];
  let scrolled: (event: { textEditor: TextEditor }) => void = () => assert.fail("nobody listens");
  let activated: (shown: TextEditor | undefined) => void = () => assert.fail("nobody listens");
  let nListeners = 2;
  const listener = { dispose: () => nListeners-- };
  const watcher = watchViews(
    {
      onDidChangeTextEditorVisibleRanges: (listen: typeof scrolled) => {
        scrolled = listen;
        return listener;
      },
      onDidChangeActiveTextEditor: (listen: typeof activated) => {
        activated = listen;
        return listener;
      },
    } as unknown as Parameters<typeof watchViews>[0],
    (params) => sent.push(params),
    (ms, work) => clock.after(ms, work),
  );
  return {
    clock,
    watcher,
    sent: () => sent.map(({ uri, ranges }) => `${uri} ${ranges.map(({ start, end }) => `${start.line}-${end.line}`)}`),
    scroll: (textEditor: TextEditor) => scrolled({ textEditor }),
    activate: (shown: TextEditor | undefined) => activated(shown),
    listeners: () => nListeners,
  };
}

describe("viewed lines", () => {
  it("are told once the editor stood still for a second", async () => {
    const { clock, sent, scroll } = watched();
    scroll(editor("a.ts", 10));
    await clock.pass(999);
    scroll(editor("a.ts", 20));
    await clock.pass(999);
    assert.deepEqual(sent(), []);
    await clock.pass(1);
    assert.deepEqual(sent(), ["file:///w/a.ts 20-29"]);
  });

  it("are those of an editor that comes to the front", async () => {
    const { clock, sent, activate } = watched();
    activate(editor("a.ts", 10));
    await clock.pass(1000);
    assert.deepEqual(sent(), ["file:///w/a.ts 10-19"]);
  });

  it("are no more when the editor goes away, and none of what is no file", async () => {
    const { clock, sent, scroll, activate } = watched();
    scroll(editor("a.ts", 10));
    activate(undefined);
    await clock.pass(2000);
    scroll(editor("log", 0, "output"));
    await clock.pass(2000);
    assert.deepEqual(sent(), []);
  });

  it("are told no more after the end", async () => {
    const { clock, sent, scroll, watcher, listeners } = watched();
    scroll(editor("a.ts", 10));
    watcher.dispose();
    await clock.pass(2000);
    assert.deepEqual([sent(), listeners()], [[], 0]);
  });
});
