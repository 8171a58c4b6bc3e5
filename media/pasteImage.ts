// The panel that takes an image from the clipboard, because extensions cannot read one there themselves.

import { formatBytes } from "../server/src/protocol/formatBytes.ts";
import type { FromPasteView, ToPasteView } from "../server/src/protocol/webview.ts";
import { button, element } from "./dom.ts";
import { receive, sender } from "./host.ts";

/** Bytes; said here already, so that a huge image is not sent in vain. The extension checks again. */
const MAX_IMAGE_BYTES = 20 * 1024 * 1024;
const ACCEPTED_TYPES = ["image/png", "image/jpeg"];
const IS_MAC = navigator.userAgent.includes("Mac");

const send = sender<FromPasteView>();

const message = element("p", { className: "message", attributes: { role: "status", "aria-live": "polite" } });
const preview = element("img", { className: "preview", attributes: { alt: "Preview of the pasted screenshot" } });
const useButton = button("Use This Image", "primary", () => {
  if (image) use(image);
});
const cancelButton = button("Cancel", "secondary", () => send("cancel", null));

let image: Blob | undefined;

document.getElementById("app")?.append(
  element("h1", { text: "Paste a screenshot" }),
  element("p", {
    className: "lead",
    children: [
      "Press ",
      element("kbd", { text: IS_MAC ? "⌘V" : "Ctrl+V" }),
      " to paste a PNG or JPEG image. It is read by the model on this machine and sent nowhere else.",
    ],
  }),
  element("div", {
    className: "frame",
    attributes: { tabindex: "0", "aria-label": "Paste here" },
    children: [preview],
  }),
  message,
  element("div", { className: "row", children: [useButton, cancelButton] }),
);
forget("No image yet.");
document.addEventListener("paste", (event) => {
  event.preventDefault();
  take([...(event.clipboardData?.items ?? [])]);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") send("cancel", null);
});
receive<ToPasteView>({ refused: (payload) => forget(payload.message) });

function take(items: DataTransferItem[]): void {
  const pasted = items.find((item) => ACCEPTED_TYPES.includes(item.type))?.getAsFile();
  if (!pasted) {
    const hasImage = items.some((item) => item.type.startsWith("image/"));
    forget(hasImage ? "Only PNG and JPEG images can be used." : "The clipboard holds no image.");
    return;
  }
  if (pasted.size > MAX_IMAGE_BYTES) {
    forget("The image is larger than 20 MiB. A smaller crop works better too.");
    return;
  }
  image = pasted;
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(pasted);
  preview.hidden = false;
  preview.onload = () => {
    message.textContent = `${preview.naturalWidth} × ${preview.naturalHeight} pixels, ${formatBytes(pasted.size)}`;
  };
  preview.onerror = () => forget("The pasted image is damaged.");
  useButton.disabled = false;
  useButton.focus();
}

function forget(reason: string): void {
  image = undefined;
  preview.hidden = true;
  useButton.disabled = true;
  message.textContent = reason;
}

function use(blob: Blob): void {
  useButton.disabled = true;
  const reader = new FileReader();
  // A data URL is `data:<type>;base64,<data>`; only the data is sent, the type is found from it.
  reader.onload = () => send("use", { imageBase64: String(reader.result).split(",")[1] ?? "" });
  reader.onerror = () => forget("The pasted image could not be read.");
  reader.readAsDataURL(blob);
}
