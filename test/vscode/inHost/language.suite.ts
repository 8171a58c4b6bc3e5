// What the language server gives through VS Code's own interfaces.
import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { commands, Position, Range, Selection, type SymbolInformation, Uri, window, workspace } from "vscode";

/** Milliseconds between two looks, which leave the server time to do what is waited for. */
const POLL_MS = 1000;

describe("the language server", () => {
  it("finds the symbols of the workspace", async () => {
    const found = await untilSome(() => symbolsNamed("parseHeader"));
    assert.deepEqual(
      found.map(({ location }) => workspace.asRelativePath(location.uri)),
      ["src/parser.ts"],
    );
    assert.equal(found[0]!.location.range.start.line, 5);
  });

  it("finds a symbol that is typed and saved now", async () => {
    const file = Uri.joinPath(workspace.workspaceFolders![0]!.uri, "src/added.ts");
    const [symbol] = await untilSome(async () => {
      // Again each time, because VS Code may not watch the folder yet.
      await workspace.fs.writeFile(file, Buffer.from("export function addedJustNow(): void {}\n"));
      return symbolsNamed("addedJustNow");
    });
    assert.equal(workspace.asRelativePath(symbol!.location.uri), "src/added.ts");
  });

  it("leaves a document as it is when an inline completion is asked for and not taken", async () => {
    const document = await workspace.openTextDocument({ language: "typescript", content: "const x = 1;\nx." });
    const editor = await window.showTextDocument(document);
    editor.selection = new Selection(new Position(1, 2), new Position(1, 2));
    await commands.executeCommand("editor.action.inlineSuggest.trigger");
    await commands.executeCommand("editor.action.inlineSuggest.hide");
    assert.equal(document.getText(new Range(0, 0, 2, 0)), "const x = 1;\nx.");
  });
});

/** Only Fathom's: TypeScript's extension answers too, and its kinds and ranges are others. */
async function symbolsNamed(name: string): Promise<SymbolInformation[]> {
  const found = await commands.executeCommand<SymbolInformation[]>("vscode.executeWorkspaceSymbolProvider", name);
  return found.filter((symbol) => symbol.name === name);
}

/** The index is made in the background; its end is not told to extensions. */
async function untilSome<T>(find: () => Promise<T[]>): Promise<T[]> {
  for (;;) {
    const found = await find();
    if (found.length > 0) return found;
    await setTimeout(POLL_MS);
  }
}
