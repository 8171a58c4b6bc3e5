// Makes code from a screenshot: takes an image from a file or the clipboard and opens the code in a new editor.
import { type ExtensionContext, l10n, languages, type Uri, ViewColumn, window, workspace } from "vscode";
import { ScreenshotRequest } from "../../server/src/protocol/messages.ts";
import type { Message, ToPasteView } from "../../server/src/protocol/webview.ts";
import type { ServerConnection } from "./client.ts";
import { SlipError } from "./failures.ts";
import { checkImage, decodeBase64, type ImageMimeType, sizeProblem } from "./imageFile.ts";
import type { Log } from "./log.ts";
import { withCancellableProgress } from "./progress.ts";
import { seconds } from "./statusText.ts";
import { webviewHtml, webviewOptions } from "./webviewHtml.ts";
import { readPasteMessage } from "./webviewMessages.ts";

/** Used if the server names a language that this VS Code does not have. */
const FALLBACK_LANGUAGE = "plaintext";

interface Screenshot {
  bytes: Uint8Array;
  mimeType: ImageMimeType;
}

export interface ScreenshotDependencies {
  context: ExtensionContext;
  server: ServerConnection;
  log: Log;
}

/**
 * Asks for an image and what to make of it, and opens the code as an unsaved document.
 * @param file The image, when the command was started on one in the explorer.
 */
export async function uiFromScreenshot(dependencies: ScreenshotDependencies, file?: Uri): Promise<void> {
  const screenshot = file ? await readImage(file) : await chooseImage(dependencies);
  if (screenshot === undefined) return;
  const instruction = await window.showInputBox({
    title: l10n.t("UI from Screenshot"),
    prompt: l10n.t("What should be made of it? Empty: plain HTML."),
    placeHolder: l10n.t("e.g. a React component with CSS modules"),
    ignoreFocusOut: true,
  });
  if (instruction === undefined) return;
  const params = {
    imageBase64: Buffer.from(screenshot.bytes).toString("base64"),
    mimeType: screenshot.mimeType,
    instruction: instruction.trim(),
  };
  const outcome = await withCancellableProgress(l10n.t("Fathom reads the screenshot"), async (report, token) => {
    let nLines = 0;
    return dependencies.server.requestStreaming(ScreenshotRequest.type, params, token, (event) => {
      if (event.kind === "note") report.report({ message: event.text });
      if (event.kind !== "text") return;
      nLines += event.text.split("\n").length - 1;
      report.report({ message: l10n.t("writing line {0}", nLines + 1) });
    });
  });
  if (outcome.stopReason === "cancelled") return;
  await openCode(outcome.code, outcome.languageId);
  const { promptTokens, generatedTokens, totalMs } = outcome.figures;
  dependencies.log.info(`Screenshot: ${promptTokens} tokens read, ${generatedTokens} written in ${seconds(totalMs)}.`);
  if (outcome.notice !== undefined) await window.showInformationMessage(outcome.notice);
}

async function chooseImage(dependencies: ScreenshotDependencies): Promise<Screenshot | undefined> {
  const fromClipboard = { label: `$(clippy) ${l10n.t("Paste from the clipboard")}` };
  const fromFile = { label: `$(file-media) ${l10n.t("Choose an image file…")}` };
  const chosen = await window.showQuickPick([fromClipboard, fromFile], {
    title: l10n.t("UI from Screenshot"),
    placeHolder: l10n.t("Where is the screenshot?"),
  });
  if (chosen === fromClipboard) return pasteImage(dependencies);
  if (chosen !== fromFile) return undefined;
  const files = await window.showOpenDialog({
    title: l10n.t("Screenshot"),
    openLabel: l10n.t("Use"),
    filters: { [l10n.t("Images")]: ["png", "jpg", "jpeg"] },
  });
  return files?.[0] ? readImage(files[0]) : undefined;
}

/** @throws A sentence if the file is too large or no image. */
async function readImage(file: Uri): Promise<Screenshot> {
  // Looked at before reading: nobody's editor should load a film into memory.
  const problem = sizeProblem((await workspace.fs.stat(file)).size);
  if (problem !== undefined) throw new SlipError(problem);
  const bytes = await workspace.fs.readFile(file);
  const checked = checkImage(bytes);
  if (checked.kind === "refused") throw new SlipError(checked.reason);
  return { bytes, mimeType: checked.mimeType };
}

/** Opens a panel that waits for Ctrl+V; extensions cannot read images from the clipboard themselves. */
function pasteImage({ context, log }: ScreenshotDependencies): Promise<Screenshot | undefined> {
  const title = l10n.t("Paste a Screenshot");
  const options = webviewOptions(context.extensionUri);
  const panel = window.createWebviewPanel("fathom.pasteImage", title, ViewColumn.Active, options);
  return new Promise((resolve) => {
    // Closing the panel means no; after a taken image this comes second and changes nothing.
    panel.onDidDispose(() => resolve(undefined));
    panel.webview.onDidReceiveMessage((posted) => {
      const message = readPasteMessage(posted);
      if (message === undefined) log.warn("A message of the paste panel was dropped: it is none of the known ones.");
      if (message?.kind === "cancel") panel.dispose();
      if (message?.kind !== "use") return;
      const bytes = decodeBase64(message.payload.imageBase64);
      const checked = bytes === undefined ? undefined : checkImage(bytes);
      if (bytes !== undefined && checked?.kind === "image") {
        resolve({ bytes, mimeType: checked.mimeType });
        panel.dispose();
        return;
      }
      const reason = checked?.kind === "refused" ? checked.reason : l10n.t("The pasted image could not be read.");
      const refused: Message<ToPasteView> = { kind: "refused", payload: { message: reason } };
      panel.webview.postMessage(refused).then(undefined, (error) => log.debug(String(error)));
    });
    const page = { name: "pasteImage", title, showsOwnImages: true } as const;
    panel.webview.html = webviewHtml(panel.webview, context.extensionUri, page);
  });
}

async function openCode(code: string, languageId: string): Promise<void> {
  const known = await languages.getLanguages();
  const language = known.includes(languageId) ? languageId : FALLBACK_LANGUAGE;
  await window.showTextDocument(await workspace.openTextDocument({ content: code, language }));
}
