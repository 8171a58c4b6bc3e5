// Checks that bytes are an image the model can be given, by their first bytes and their size; decodes nothing.
import * as l10n from "@vscode/l10n";

/** Bytes. Larger screenshots do not exist; larger files are a mistake or an attack. */
export const MAX_IMAGE_BYTES = 20 * 1024 * 1024;

/** PNG specification (ISO/IEC 15948), 5.2: signature. */
const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** ITU-T T.81, B.1.1.3: start of image, followed by the first byte of the next marker. */
const JPEG_SIGNATURE = [0xff, 0xd8, 0xff];

export type ImageMimeType = "image/png" | "image/jpeg";

export type CheckedImage = { kind: "image"; mimeType: ImageMimeType } | { kind: "refused"; reason: string };

/** A sentence if an image of this size in bytes is not taken; asked before a file is read. */
export function sizeProblem(nBytes: number): string | undefined {
  if (nBytes === 0) return l10n.t("The image is empty.");
  if (nBytes <= MAX_IMAGE_BYTES) return undefined;
  return l10n.t("The image is larger than {0} MiB. A smaller crop works better too.", MAX_IMAGE_BYTES / 1024 / 1024);
}

/**
 * Says whether the bytes can be sent to the model.
 * @param bytes The whole file; its name and claimed type are not believed.
 * @returns The type, or a sentence why not.
 */
export function checkImage(bytes: Uint8Array): CheckedImage {
  const problem = sizeProblem(bytes.length);
  if (problem !== undefined) return { kind: "refused", reason: problem };
  if (startsWith(bytes, PNG_SIGNATURE)) return { kind: "image", mimeType: "image/png" };
  if (startsWith(bytes, JPEG_SIGNATURE)) return { kind: "image", mimeType: "image/jpeg" };
  return { kind: "refused", reason: l10n.t("This is neither a PNG nor a JPEG image; only these two can be read.") };
}

/**
 * Decodes an image that a webview sent.
 * @param base64 Untrusted text.
 * @returns The bytes, or undefined if it is no base64 or too long to be an image of allowed size.
 */
export function decodeBase64(base64: string): Uint8Array | undefined {
  // Three bytes are four characters; a little more is left to checkImage, which has the better sentence.
  const tooLong = base64.length > (MAX_IMAGE_BYTES / 3 + 1024) * 4;
  if (tooLong || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) return undefined;
  return Buffer.from(base64, "base64");
}

function startsWith(bytes: Uint8Array, signature: readonly number[]): boolean {
  return signature.every((byte, idx) => bytes[idx] === byte);
}
