// Tells the server which lines the user looks at, once an editor has stood still; keeps nothing.
import type { TextEditor, window } from "vscode";
import type { ViewedParams } from "../../server/src/protocol/contextMessages.ts";

/** Who scrolls on sooner was only passing by, milliseconds. */
const STILL_MS = 1000;

type EditorEvents = Pick<typeof window, "onDidChangeTextEditorVisibleRanges" | "onDidChangeActiveTextEditor">;

/**
 * @param send Told the visible lines of an editor that has shown the same ones for a second.
 * @param after Calls once after so many milliseconds; returns what takes it back.
 * @returns Ends it.
 */
export function watchViews(
  events: EditorEvents,
  send: (params: ViewedParams) => void,
  after: (ms: number, work: () => void) => () => void,
): { dispose(): void } {
  let cancel = () => {};
  const shown = (editor: TextEditor | undefined) => {
    cancel();
    if (editor?.document.uri.scheme !== "file") return;
    cancel = after(STILL_MS, () => send(viewOf(editor)));
  };
  const listeners = [
    events.onDidChangeTextEditorVisibleRanges(({ textEditor }) => shown(textEditor)),
    events.onDidChangeActiveTextEditor(shown),
  ];
  return {
    dispose: () => {
      cancel();
      for (const listener of listeners) listener.dispose();
    },
  };
}

function viewOf({ document, visibleRanges }: TextEditor): ViewedParams {
  const ranges = visibleRanges.map(({ start, end }) => ({
    start: { line: start.line, character: start.character },
    end: { line: end.line, character: end.character },
  }));
  return { uri: document.uri.toString(), ranges };
}
