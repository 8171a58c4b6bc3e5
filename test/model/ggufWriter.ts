// Owns the byte layout of a GGUF version 3 file: header, key-value metadata, tensor table, aligned data; knows no model.

import { writeFileSync } from "node:fs";

// All numbers and the layout are those of the format's public description, `docs/gguf.md` in ggml-org/ggml.
const MAGIC = "GGUF";
const VERSION = 3;

/** Tensor data, and each tensor in it, begins at a multiple of this many bytes; the format's default. */
const ALIGNMENT_BYTES = 32;

/** Number of the array type; the types of single values are in SCALARS. */
const ARRAY_TYPE = 9;

/** Metadata types with their number in the file and their size in bytes; a string is a length and its bytes. */
const SCALARS = {
  uint8: { id: 0, bytes: 1 },
  int8: { id: 1, bytes: 1 },
  uint16: { id: 2, bytes: 2 },
  int16: { id: 3, bytes: 2 },
  uint32: { id: 4, bytes: 4 },
  int32: { id: 5, bytes: 4 },
  float32: { id: 6, bytes: 4 },
  bool: { id: 7, bytes: 1 },
  string: { id: 8, bytes: 8 },
  uint64: { id: 10, bytes: 8 },
  int64: { id: 11, bytes: 8 },
  float64: { id: 12, bytes: 8 },
} as const;

/** Tensor types with their number in the file and the bytes of one element. */
const TENSOR_TYPES = { F32: { id: 0, bytes: 4 }, F16: { id: 1, bytes: 2 } } as const;

export type GgufScalarType = keyof typeof SCALARS;

/** A single value, or an array of values of one type. */
export type GgufValue =
  | { type: GgufScalarType; value: number | bigint | boolean | string }
  | { type: "array"; of: GgufScalarType; values: readonly (number | bigint | boolean | string)[] };

export interface GgufTensor {
  name: string;
  /** Length of each dimension in ggml order: the first one is contiguous in memory. */
  shape: readonly number[];
  type: keyof typeof TENSOR_TYPES;
  /** All elements; rounded to half precision for F16. */
  values: Float32Array;
}

export interface GgufContents {
  /** Keys in the order in which they are written; `general.architecture` comes first by custom. */
  metadata: ReadonlyMap<string, GgufValue>;
  tensors: readonly GgufTensor[];
}

/**
 * Writes a GGUF file in one go, replacing an existing one.
 * @param file path of the file; its folder must exist
 * @param contents metadata and tensors; the whole file is built in memory, so keep it small
 * @throws RangeError when a tensor's values do not fill its shape or a number does not fit its type
 */
export function writeGguf(file: string, contents: GgufContents): void {
  writeFileSync(file, encodeGguf(contents));
}

/**
 * Builds the bytes of a GGUF file.
 * @param contents metadata and tensors
 * @returns the whole file; the same contents always give the same bytes
 * @throws RangeError when a tensor's values do not fill its shape or a number does not fit its type
 */
export function encodeGguf({ metadata, tensors }: GgufContents): Buffer {
  const head = [
    Buffer.from(MAGIC),
    encodeScalar("uint32", VERSION),
    encodeScalar("uint64", tensors.length),
    encodeScalar("uint64", metadata.size),
    ...[...metadata].flatMap(([key, value]) => [encodeScalar("string", key), encodeValue(value)]),
  ];
  const data: Buffer[] = [];
  let dataOffset = 0;
  for (const tensor of tensors) {
    head.push(encodeTensorInfo(tensor, dataOffset));
    const bytes = padded(encodeTensorData(tensor));
    data.push(bytes);
    dataOffset += bytes.length;
  }
  return Buffer.concat([padded(Buffer.concat(head)), ...data]);
}

/**
 * Rounds a number to half precision (IEEE 754 binary16), ties to even, as the format's F16 tensors hold it.
 * @param value any number; beyond the range of half precision it becomes infinite
 * @returns the 16 bits as an unsigned integer
 */
export function toHalfBits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (Number.isNaN(magnitude)) return 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00; // Halfway above the largest finite number, 65504.
  let exponent = -14; // Exponent of the smallest normal number; below it the spacing stays the same.
  while (exponent < 15 && magnitude >= 2 ** (exponent + 1)) exponent++;
  const steps = roundTiesToEven(magnitude / 2 ** (exponent - 10)); // 1024 to 2048 for a normal number.
  // Adding carries a rounded-up mantissa into the exponent, which is what the format wants.
  return sign | (((exponent + 14) << 10) + steps);
}

function roundTiesToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

function encodeValue(value: GgufValue): Buffer {
  if (value.type !== "array") {
    return Buffer.concat([encodeScalar("uint32", SCALARS[value.type].id), encodeScalar(value.type, value.value)]);
  }
  return Buffer.concat([
    encodeScalar("uint32", ARRAY_TYPE),
    encodeScalar("uint32", SCALARS[value.of].id),
    encodeScalar("uint64", value.values.length),
    ...value.values.map((item) => encodeScalar(value.of, item)),
  ]);
}

function encodeScalar(type: GgufScalarType, value: number | bigint | boolean | string): Buffer {
  if (type === "string") {
    const text = Buffer.from(String(value), "utf8");
    return Buffer.concat([encodeScalar("uint64", text.length), text]);
  }
  const bytes = Buffer.alloc(SCALARS[type].bytes);
  if (type === "uint64") bytes.writeBigUInt64LE(BigInt(value));
  else if (type === "int64") bytes.writeBigInt64LE(BigInt(value));
  else if (type === "float32") bytes.writeFloatLE(Number(value));
  else if (type === "float64") bytes.writeDoubleLE(Number(value));
  else if (type === "bool") bytes.writeUInt8(Number(value));
  else if (type.startsWith("u")) bytes.writeUIntLE(Number(value), 0, bytes.length);
  else bytes.writeIntLE(Number(value), 0, bytes.length);
  return bytes;
}

function encodeTensorInfo(tensor: GgufTensor, dataOffset: number): Buffer {
  return Buffer.concat([
    encodeScalar("string", tensor.name),
    encodeScalar("uint32", tensor.shape.length),
    ...tensor.shape.map((length) => encodeScalar("uint64", length)),
    encodeScalar("uint32", TENSOR_TYPES[tensor.type].id),
    encodeScalar("uint64", dataOffset),
  ]);
}

function encodeTensorData({ name, shape, type, values }: GgufTensor): Buffer {
  const nElements = shape.reduce((product, length) => product * length, 1);
  if (values.length !== nElements) {
    throw new RangeError(`Tensor ${name} has ${values.length} values, but its shape [${shape}] needs ${nElements}.`);
  }
  const bytes = Buffer.alloc(nElements * TENSOR_TYPES[type].bytes);
  for (const [index, value] of values.entries()) {
    if (type === "F16") bytes.writeUInt16LE(toHalfBits(value), index * 2);
    else bytes.writeFloatLE(value, index * 4);
  }
  return bytes;
}

function padded(bytes: Buffer): Buffer {
  const nMissing = (ALIGNMENT_BYTES - (bytes.length % ALIGNMENT_BYTES)) % ALIGNMENT_BYTES;
  return nMissing === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(nMissing)]);
}
