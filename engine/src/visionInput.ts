// Checks what the vision child will be given, before it is started: the picture, the model and the projector.
import { EngineError, type VisionRequest } from "./api.ts";
import { assertComplete, readGguf, readModelFacts } from "./modelFile.ts";

export interface ImageSize {
  /** Pixels. */
  width: number;
  height: number;
}

/** Below this a picture is smaller than one patch; above, decoding it takes a gigabyte for detail that is scaled away. */
const MIN_SIDE_PIXELS = 8;
const MAX_SIDE_PIXELS = 16_384;
const MAX_PIXELS = 64_000_000;
const MAX_IMAGE_BYTES = 20_000_000;

const PNG_SIGNATURE = "\x89PNG\r\n\x1a\n";
/** A PNG begins with its signature, then the header chunk: length, name, width, height (PNG specification, 11.2.1). */
const PNG_HEADER_NAME = { start: 12, end: 16, text: "IHDR" };
const PNG_WIDTH_OFFSET = 16;
const PNG_HEIGHT_OFFSET = 20;
const PNG_HEADER_BYTES = 24;

const JPEG_START = "\xff\xd8\xff";
/** JPEG markers (ITU-T T.81, table B.1). The frame header that holds the size is C0 to CF, but for these three. */
const JPEG_FIRST_FRAME = 0xc0;
const JPEG_LAST_FRAME = 0xcf;
const JPEG_NO_FRAMES = [0xc4, 0xc8, 0xcc];
/** Markers that stand alone, without a length: TEM and the restart markers. */
const isLoneJpegMarker = (marker: number) => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);

/**
 * Reads the size of a PNG or JPEG from its header.
 * @throws EngineError badImage if it is no such picture, too small, too large, or not what its type says.
 */
export function readImageSize(request: Pick<VisionRequest, "imageBase64" | "mimeType">): ImageSize {
  const bytes = decodeBase64(request.imageBase64);
  const type = imageType(bytes);
  if (type === undefined) throw badImage("its first bytes are neither those of a PNG nor of a JPEG file");
  if (type !== request.mimeType) throw badImage(`it was handed over as ${request.mimeType}, but it is ${type}`);
  const size = type === "image/png" ? pngSize(bytes) : jpegSize(bytes);
  if (size === undefined) throw badImage("it is damaged: its header does not say how large it is");
  const { width, height } = size;
  if (Math.min(width, height) < MIN_SIDE_PIXELS || Math.max(width, height) > MAX_SIDE_PIXELS) {
    throw badImage(
      `it is ${width} × ${height} pixels, but each side must have ${MIN_SIDE_PIXELS} to ${MAX_SIDE_PIXELS}`,
    );
  }
  if (width * height > MAX_PIXELS) {
    throw badImage(`it is ${width} × ${height} pixels, which is more than ${MAX_PIXELS / 1e6} megapixels`);
  }
  return size;
}

/**
 * Refuses projectors with which the runtime would abort: it checks too little, and too late for a sentence.
 * @throws EngineError mmprojUnusable with file and reason; modelMissing, modelUnreadable, modelUnsupported for the model.
 */
export async function checkProjector(modelFile: string, mmprojFile: string): Promise<void> {
  const { embeddingLength, name } = await readModelFacts(modelFile);
  const info = await readGguf(mmprojFile, { missing: "mmprojUnusable", unreadable: "mmprojUnusable" });
  const { general, clip } = info.metadata as unknown as ProjectorMetadata;
  if (general?.architecture !== "clip") {
    throw mmprojUnusable(mmprojFile, `is not an image projector: its architecture is "${general?.architecture}"`);
  }
  const projectionLength = clip?.vision?.projection_dim;
  if (projectionLength === undefined) throw mmprojUnusable(mmprojFile, "has no part that sees pictures");
  if (projectionLength !== embeddingLength) {
    throw mmprojUnusable(
      mmprojFile,
      `does not fit the model ${name}: it makes vectors of ${projectionLength} numbers, but the model takes ${embeddingLength}`,
    );
  }
  await assertComplete(mmprojFile, info, "mmprojUnusable");
}

interface ProjectorMetadata {
  general?: { architecture?: string };
  clip?: { vision?: { projection_dim?: number } };
}

function decodeBase64(text: string): Buffer {
  if (text.length > Math.ceil(MAX_IMAGE_BYTES / 3) * 4) {
    throw badImage(`it is larger than ${MAX_IMAGE_BYTES / 1e6} MB`);
  }
  const bytes = Buffer.from(text, "base64");
  // The decoder skips what is not base64, so a result that is too short tells.
  const padding = text.endsWith("==") ? 2 : Number(text.endsWith("="));
  if (bytes.length === 0 || bytes.length !== (text.length / 4) * 3 - padding) {
    throw badImage("its bytes did not arrive as base64");
  }
  return bytes;
}

function imageType(bytes: Buffer): VisionRequest["mimeType"] | undefined {
  const start = bytes.toString("latin1", 0, PNG_SIGNATURE.length);
  if (start === PNG_SIGNATURE) return "image/png";
  return start.startsWith(JPEG_START) ? "image/jpeg" : undefined;
}

function pngSize(bytes: Buffer): ImageSize | undefined {
  if (bytes.length < PNG_HEADER_BYTES) return undefined;
  const { start, end, text } = PNG_HEADER_NAME;
  if (bytes.toString("latin1", start, end) !== text) return undefined;
  return { width: bytes.readUInt32BE(PNG_WIDTH_OFFSET), height: bytes.readUInt32BE(PNG_HEIGHT_OFFSET) };
}

/** Walks the segments up to the frame header: marker, length (2 bytes), precision (1), height (2), width (2). */
function jpegSize(bytes: Buffer): ImageSize | undefined {
  let offset = 2;
  while (offset + 9 <= bytes.length && bytes[offset] === 0xff) {
    const marker = bytes[offset + 1]!;
    if (marker === 0xff) {
      offset += 1;
    } else if (isLoneJpegMarker(marker)) {
      offset += 2;
    } else if (marker >= JPEG_FIRST_FRAME && marker <= JPEG_LAST_FRAME && !JPEG_NO_FRAMES.includes(marker)) {
      return { height: bytes.readUInt16BE(offset + 5), width: bytes.readUInt16BE(offset + 7) };
    } else {
      offset += 2 + bytes.readUInt16BE(offset + 2);
    }
  }
  return undefined;
}

function badImage(reason: string): EngineError {
  return new EngineError("badImage", `The picture was not read: ${reason}. Choose another PNG or JPEG picture.`);
}

function mmprojUnusable(file: string, reason: string): EngineError {
  return new EngineError(
    "mmprojUnusable",
    `The file ${file} ${reason}. Choose the mmproj file that belongs to the model; text works without it.`,
  );
}
