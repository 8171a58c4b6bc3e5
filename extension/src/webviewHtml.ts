// Builds the page of a webview: its policy, style sheet and script; the script draws everything in it.
import { randomBytes } from "node:crypto";
import { Uri, type Webview, type WebviewOptions } from "vscode";

export interface PageOptions {
  /** Base name of the script and style sheet in dist/media. */
  name: "chat" | "contextMap" | "pasteImage";
  title: string;
  /** True if the page shows an image that it made itself (`blob:`); no page loads one from elsewhere. */
  showsOwnImages: boolean;
}

/** Scripts run, and files are readable from dist/media only. */
export function webviewOptions(extensionUri: Uri): WebviewOptions {
  return { enableScripts: true, localResourceRoots: [mediaFolder(extensionUri)] };
}

/**
 * The page.
 * @returns HTML whose policy allows one script by nonce, style sheets of the extension, and nothing from the network.
 */
export function webviewHtml(webview: Webview, extensionUri: Uri, options: PageOptions): string {
  const file = (name: string) => webview.asWebviewUri(Uri.joinPath(mediaFolder(extensionUri), name)).toString();
  const nonce = randomBytes(16).toString("base64");
  const policy = [
    "default-src 'none'",
    `style-src ${webview.cspSource}`,
    `script-src 'nonce-${nonce}'`,
    ...(options.showsOwnImages ? ["img-src blob:"] : []),
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${file(`${options.name}.css`)}">
<title>${escapeHtml(options.title)}</title>
</head>
<body>
<main id="app"></main>
<script nonce="${nonce}" src="${file(`${options.name}.js`)}"></script>
</body>
</html>`;
}

/** A translation may have any character. */
function escapeHtml(text: string): string {
  return text.replace(/[&<]/g, (char) => `&#${char.charCodeAt(0)};`);
}

function mediaFolder(extensionUri: Uri): Uri {
  return Uri.joinPath(extensionUri, "dist", "media");
}
