// Opens a place that the server or the chat view named, if it lies inside the workspace.
import { l10n, Range, type TextDocumentShowOptions, Uri, type ViewColumn, window, workspace } from "vscode";
import type { Place } from "../../server/src/protocol/messages.ts";

/**
 * Opens the lines in an editor.
 * @param place URI and 0-based inclusive lines; lines past the end of the file become its last line.
 * @throws A sentence if the place is outside of the workspace or cannot be read.
 */
export function openPlace(place: PlaceLines): Promise<void> {
  return showPlace(place, {});
}

/** The same in a preview editor, without taking the keyboard. */
export function previewPlace(place: PlaceLines, viewColumn: ViewColumn | undefined): Promise<void> {
  return showPlace(place, { viewColumn, preview: true, preserveFocus: true });
}

type PlaceLines = Pick<Place, "uri" | "startLine" | "endLine">;

async function showPlace(place: PlaceLines, options: TextDocumentShowOptions): Promise<void> {
  const uri = Uri.parse(place.uri);
  if (!isInsideWorkspace(uri)) throw new Error(l10n.t("This place is outside of the workspace, so it is not opened."));
  const document = await workspace.openTextDocument(uri);
  const range = document.validateRange(new Range(place.startLine, 0, place.endLine, Number.MAX_SAFE_INTEGER));
  const editor = await window.showTextDocument(document, {
    ...options,
    selection: new Range(range.start, range.start),
  });
  editor.revealRange(range);
}

/** `path:3-9` with the 1-based lines that people count in. */
export function placeLabel(place: Pick<Place, "path" | "startLine" | "endLine">): string {
  const [first, last] = [place.startLine + 1, place.endLine + 1];
  return first === last ? `${place.path}:${first}` : `${place.path}:${first}-${last}`;
}

/** True for files below the folders that are open. */
export function isInsideWorkspace(uri: Uri): boolean {
  // VS Code compares paths as text, so a path that climbs out again would look as if it were inside.
  const climbs = uri.path.split(/[/\\]/).includes("..");
  return !climbs && workspace.getWorkspaceFolder(uri) !== undefined;
}
