// Goes through the identifiers of a text and remembers what was computed of each, since most occur again soon; knows no meaning of them.

/** Longer runs are hashes or encoded data: computed each time, characters. */
export const MAX_IDENTIFIER_CHARS = 64;
/** Identifiers that are remembered; more of them are forgotten all at once. */
const MAX_REMEMBERED = 50_000;
/** A power of two, so that a hash is cut to a slot by its last bits; twice as many slots keep searches short. */
const SLOTS = 131_072;
const FNV_OFFSET = 2_166_136_261;
const FNV_PRIME = 16_777_619;

/** Letters, digits, `_` and `$`. */
const ASCII = Uint8Array.from({ length: 128 }, (_, unit) => Number(/[\w$]/.test(String.fromCharCode(unit))));

export class RememberedWords<Value> {
  readonly #compute: (identifier: string) => Value;
  /** By slot: index of the identifier + 1; 0 is free. */
  readonly #slots = new Int32Array(SLOTS);
  readonly #hashes: number[] = [];
  readonly #identifiers: string[] = [];
  readonly #values: Value[] = [];

  /** @param compute What is remembered of an identifier. */
  constructor(compute: (identifier: string) => Value) {
    this.#compute = compute;
  }

  /**
   * Identifiers are runs of letters, digits, `_` and `$`, with the letters of most scripts. They are compared where they
   * stand: cutting each out as a string of its own takes most of the time otherwise.
   * @returns The values of the identifiers, in the order of the text.
   */
  valuesIn(text: string): Value[] {
    const values: Value[] = [];
    const { length } = text;
    for (let at = 0; at < length; at++) {
      let unit = text.charCodeAt(at);
      if (!isOfIdentifier(unit)) continue;
      const start = at;
      let hash = FNV_OFFSET;
      do {
        hash = Math.imul(hash ^ unit, FNV_PRIME);
        unit = ++at < length ? text.charCodeAt(at) : 0;
      } while (isOfIdentifier(unit));
      const isLong = at - start > MAX_IDENTIFIER_CHARS;
      values.push(isLong ? this.#compute(text.slice(start, at)) : this.#valueOf(text, start, at, hash));
    }
    return values;
  }

  #valueOf(text: string, start: number, end: number, hash: number): Value {
    // The last bits of such a hash vary least.
    let slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    for (let index = this.#slots[slot]!; index !== 0; index = this.#slots[slot]!) {
      if (this.#hashes[index - 1] === hash && stands(this.#identifiers[index - 1]!, text, start, end)) {
        return this.#values[index - 1]!;
      }
      slot = (slot + 1) & (SLOTS - 1);
    }
    return this.#remember(text.slice(start, end), hash, slot);
  }

  #remember(identifier: string, hash: number, slot: number): Value {
    const value = this.#compute(identifier);
    if (this.#values.length === MAX_REMEMBERED) {
      this.#slots.fill(0);
      this.#hashes.length = 0;
      this.#identifiers.length = 0;
      this.#values.length = 0;
    }
    this.#hashes.push(hash);
    this.#identifiers.push(identifier);
    this.#slots[slot] = this.#values.push(value);
    return value;
  }
}

function stands(identifier: string, text: string, start: number, end: number): boolean {
  if (identifier.length !== end - start) return false;
  for (let at = start; at < end; at++) if (identifier.charCodeAt(at - start) !== text.charCodeAt(at)) return false;
  return true;
}

function isOfIdentifier(unit: number): boolean {
  if (unit < 128) return ASCII[unit] === 1;
  return (unit >= 0xc0 && unit <= 0x1fff) || (unit >= 0x3040 && unit <= 0xd7ff);
}
