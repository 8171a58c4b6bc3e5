// Reads a packed extension as what it is, a zip file: its entries, their checksums, and the content of single ones.
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { type Entry, openPromise, type ZipFile } from "yauzl";

export interface PackedFile {
  path: string;
  crc32: number;
  bytes: number;
}

/** @returns All files of a package, by the names they have in it. */
export async function filesIn(vsix: string): Promise<PackedFile[]> {
  const zip = await openPromise(vsix, { lazyEntries: true, autoClose: true });
  const files: PackedFile[] = [];
  await eachEntry(zip, async ({ fileName, crc32, uncompressedSize }) => {
    files.push({ path: fileName, crc32, bytes: uncompressedSize });
  });
  return files;
}

/** @returns The first bytes of each file that is wanted, by its name. */
export async function beginnings(
  vsix: string,
  wants: (path: string) => boolean,
  bytes: number,
): Promise<Map<string, Buffer>> {
  const zip = await openPromise(vsix, { lazyEntries: true, autoClose: true });
  const contents = new Map<string, Buffer>();
  await eachEntry(zip, async (entry) => {
    if (wants(entry.fileName)) contents.set(entry.fileName, await beginning(zip, entry, bytes));
  });
  return contents;
}

/** Unpacks all of it into a folder. */
export async function unpack(vsix: string, folder: string): Promise<void> {
  const zip = await openPromise(vsix, { lazyEntries: true, autoClose: true });
  await eachEntry(zip, async (entry) => {
    const file = join(folder, entry.fileName);
    await mkdir(dirname(file), { recursive: true });
    if (!entry.fileName.endsWith("/")) await pipeline(await openStream(zip, entry), createWriteStream(file));
  });
}

function eachEntry(zip: ZipFile, take: (entry: Entry) => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    zip.on("entry", (entry: Entry) => void take(entry).then(() => zip.readEntry(), reject));
    zip.on("end", resolve);
    zip.on("error", reject);
    zip.readEntry();
  });
}

async function beginning(zip: ZipFile, entry: Entry, bytes: number): Promise<Buffer> {
  const stream = await openStream(zip, entry);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length >= bytes) break;
  }
  return Buffer.concat(chunks).subarray(0, bytes);
}

function openStream(zip: ZipFile, entry: Entry): Promise<NodeJS.ReadableStream> {
  return promisify(zip.openReadStream.bind(zip) as OpenReadStream)(entry);
}

type OpenReadStream = (entry: Entry, callback: (error: Error | null, stream: NodeJS.ReadableStream) => void) => void;
