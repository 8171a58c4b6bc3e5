// Snapshots for tests: small states written to a folder, and every way in which one of them can be damaged.
import { createHash } from "node:crypto";
import { readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SnapshotKind } from "../../../engine/src/api.ts";
import { type SnapshotHeader, type StateIdentity, snapshotId } from "../../../engine/src/snapshotFiles.ts";
import { hashTokens } from "../../../engine/src/snapshotStore.ts";

export const IDENTITY: StateIdentity = { modelHash: "m".repeat(16), runtime: "fake 1", kvType: "f16" };

/** One difference each: a state of such an identity is of no use to {@link IDENTITY}. */
export const FOREIGN: readonly [name: string, change: Partial<StateIdentity>][] = [
  ["model", { modelHash: "x".repeat(16) }],
  ["runtime version", { runtime: "fake 2" }],
  ["KV type", { kvType: "q8_0" }],
];

/** As many tokens as asked for; another variant differs from the first token on. */
export function tokensOf(length: number, variant = 0): number[] {
  return Array.from({ length }, (_, index) => (index === 0 ? variant : index));
}

export function idOf(tokens: readonly number[], identity: StateIdentity = IDENTITY): string {
  return snapshotId(identity, hashTokens(tokens), tokens.length);
}

/** What `SnapshotFiles.write` is told about a state. */
export function unsigned(tokens: readonly number[], kind: SnapshotKind = "base", identity: StateIdentity = IDENTITY) {
  return { ...identity, kind, tokens: tokens.length, layoutHash: hashTokens(tokens) };
}

/** Writes so many bytes to the path it is given. */
export function writing(state: string | Buffer | number): (file: string) => Promise<void> {
  return async (file) => writeFileSync(file, typeof state === "number" ? Buffer.alloc(state, "s") : state);
}

/** As if it had been used last so many days ago. */
export function usedDaysAgo(dir: string, id: string, days: number): void {
  const time = Date.now() / 1000 - days * 24 * 3600;
  utimesSync(join(dir, `${id}.json`), time, time);
}

/** Changes fields of a header and signs it again: as sound as any header, but not what was written. */
export function rewriteHeader(file: string, change: Record<string, unknown>): void {
  const { headerSha256, ...header } = JSON.parse(readFileSync(file, "utf8")) as SnapshotHeader;
  const fields = { ...header, ...change };
  const sorted = JSON.stringify(Object.entries(fields).sort(([a], [b]) => a.localeCompare(b)));
  const signature = createHash("sha256").update(sorted).digest("hex");
  writeFileSync(file, JSON.stringify({ ...fields, headerSha256: signature }));
}

function flipBit(file: string, share: number): void {
  const bytes = readFileSync(file);
  const at = Math.floor((bytes.length - 1) * share);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(file, bytes);
}

export interface Damage {
  name: string;
  /** Which of the two files says so: damage of the header is seen without a look at the state. */
  in: "header" | "state";
  reason: RegExp;
  do: (files: { header: string; state: string }) => void;
}

function inHeader(name: string, reason: RegExp, damage: (header: string) => void): Damage {
  return { name, in: "header", reason, do: ({ header }) => damage(header) };
}

function inState(name: string, reason: RegExp, damage: (state: string) => void): Damage {
  return { name, in: "state", reason, do: ({ state }) => damage(state) };
}

function holding(name: string, text: string, reason = /not JSON|not an object|format undefined/): Damage {
  return inHeader(`a header that is ${name}`, reason, (header) => writeFileSync(header, text));
}

function signed(name: string, change: Record<string, unknown>, reason: RegExp): Damage {
  return inHeader(name, reason, (header) => rewriteHeader(header, change));
}

export const DAMAGES: readonly Damage[] = [
  inHeader("a flipped bit in a field's name", /damaged|format undefined|checksum|not JSON/, (file) =>
    flipBit(file, 0.02),
  ),
  inHeader("a flipped bit in the middle of the header", /checksum|not JSON/, (file) => flipBit(file, 0.5)),
  inHeader("a header cut in half", /not JSON/, (file) => truncateSync(file, 100)),
  holding("empty", ""),
  holding("no JSON", "{"),
  holding("a list", "[]"),
  holding("null", "null"),
  holding("a number", "7"),
  holding("without a checksum", '{"format":2}', /checksum/),
  holding("too long", `{"format":2,"x":"${"x".repeat(20_000)}"}`, /too long/),
  signed("an older format", { format: 1 }, /format 1, this version reads 2/),
  signed("a newer format", { format: 3 }, /format 3, this version reads 2/),
  signed("tokens that are no number", { tokens: "many" }, /fields/),
  signed("less than no bytes", { bytes: -1 }, /fields/),
  signed("an unknown kind", { kind: "other" }, /fields/),
  signed("an unknown KV type", { kvType: "f64" }, /fields/),
  signed("no time", { createdAt: "soon" }, /fields/),
  signed("another number of tokens", { tokens: 7 }, /not its own name/),
  signed("another layout", { layoutHash: "b".repeat(16) }, /not its own name/),
  ...FOREIGN.map(([name, change]) => signed(`another ${name}`, change, /not its own name/)),
  inState("a flipped bit at the state's beginning", /checksum does not match/, (file) => flipBit(file, 0)),
  inState("a flipped bit in the state's middle", /checksum does not match/, (file) => flipBit(file, 0.5)),
  inState("a flipped bit at the state's end", /checksum does not match/, (file) => flipBit(file, 1)),
  inState("a truncated state", /It has 10 bytes instead of \d+/, (file) => truncateSync(file, 10)),
  inState("a state that is longer", /It has \d+ bytes instead of \d+/, (file) =>
    writeFileSync(file, "x", { flag: "a" }),
  ),
  inState("a missing state", /It cannot be read \(.*ENOENT/, (file) => rmSync(file)),
];
