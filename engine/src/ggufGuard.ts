// Walks a GGUF header and checks every length against the file's size, before a parser that trusts them sees it.
import { type FileHandle, open } from "node:fs/promises";

/** Read at a time; a real header has up to 20 MB, most of it vocabulary. */
const WINDOW_BYTES = 1 << 20;

/** Known versions; 1 had other number widths and is not written any more. */
const VERSIONS = [2, 3];

/** More entries than any model has; a count beyond is damage. */
const MAX_COUNT = 1_000_000;
const MAX_DIMENSIONS = 8;
/** Arrays of arrays are allowed by the format and used by nobody. */
const MAX_NESTING = 4;

/** Bytes of the fixed-size value types, by the format's type numbers. */
const VALUE_BYTES: Record<number, number> = { 0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8 };
const TYPE_STRING = 8;
const TYPE_ARRAY = 9;

/** What is wrong with the header, for people who report bugs. */
export class GgufDamage extends Error {}

/**
 * @param file A file that begins with the GGUF magic.
 * @throws GgufDamage when a count or length cannot be true; the file system's error when it cannot be read.
 */
export async function checkGgufHeader(file: string): Promise<void> {
  const handle = await open(file, "r");
  try {
    await new HeaderWalk(handle, (await handle.stat()).size).run();
  } finally {
    await handle.close();
  }
}

class HeaderWalk {
  readonly #handle: FileHandle;
  readonly #size: number;
  #window = Buffer.alloc(0);
  /** Where the window begins in the file. */
  #windowAt = 0;
  #position = 4;

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle;
    this.#size = size;
  }

  async run(): Promise<void> {
    const version = await this.#uint32();
    if (!VERSIONS.includes(version)) throw new GgufDamage(`version ${version}`);
    const nTensors = await this.#count("tensors");
    const nEntries = await this.#count("metadata entries");
    for (let entry = 0; entry < nEntries; entry++) {
      await this.#skipString();
      await this.#skipValue(await this.#uint32(), 0);
    }
    for (let tensor = 0; tensor < nTensors; tensor++) {
      await this.#skipString();
      const nDimensions = await this.#uint32();
      if (nDimensions > MAX_DIMENSIONS) throw new GgufDamage(`a tensor of ${nDimensions} dimensions`);
      // Dimensions, type, offset.
      this.#skip(nDimensions * 8 + 4 + 8);
    }
  }

  async #skipValue(type: number, depth: number): Promise<void> {
    const bytes = VALUE_BYTES[type];
    if (bytes !== undefined) this.#skip(bytes);
    else if (type === TYPE_STRING) await this.#skipString();
    else if (type === TYPE_ARRAY && depth < MAX_NESTING) await this.#skipArray(depth);
    else throw new GgufDamage(`a value of type ${type}`);
  }

  async #skipArray(depth: number): Promise<void> {
    const type = await this.#uint32();
    const length = await this.#length();
    const bytes = VALUE_BYTES[type];
    if (bytes !== undefined) {
      this.#skip(length * bytes);
      return;
    }
    // Each element has a length of its own, so a huge count runs into the end of the file soon.
    for (let element = 0; element < length; element++) await this.#skipValue(type, depth + 1);
  }

  async #skipString(): Promise<void> {
    this.#skip(await this.#length());
  }

  #skip(bytes: number): void {
    this.#position += bytes;
    if (this.#position > this.#size) throw new GgufDamage("it ends before its header does");
  }

  async #count(what: string): Promise<number> {
    const count = await this.#length();
    if (count > MAX_COUNT) throw new GgufDamage(`${count} ${what}`);
    return count;
  }

  /** A length cannot exceed what is left of the file. */
  async #length(): Promise<number> {
    const length = (await this.#bytes(8)).readBigUInt64LE();
    if (length > BigInt(this.#size)) throw new GgufDamage(`a length of ${length}`);
    return Number(length);
  }

  async #uint32(): Promise<number> {
    return (await this.#bytes(4)).readUInt32LE();
  }

  async #bytes(count: number): Promise<Buffer> {
    const start = this.#position;
    this.#skip(count);
    const offset = start - this.#windowAt;
    if (offset < 0 || offset + count > this.#window.length) {
      const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(WINDOW_BYTES), 0, WINDOW_BYTES, start);
      this.#window = buffer.subarray(0, bytesRead);
      this.#windowAt = start;
    }
    return this.#window.subarray(start - this.#windowAt, start - this.#windowAt + count);
  }
}
