// Tells from the first bytes of a library for which platform it was built, as VS Code names it.

/** ELF header: `e_machine` at 18. Values from the System V ABI. */
const ELF: Record<number, string> = { 62: "linux-x64", 183: "linux-arm64" };
/** Mach-O header of 64 bits: `cputype` at 4. Values from mach/machine.h. */
const MACH_O: Record<number, string> = { 16777223: "darwin-x64", 16777228: "darwin-arm64" };
/** PE header, whose place stands at 0x3c: `Machine` at 4. Values from the PE format's specification. */
const PE: Record<number, string> = { 34404: "win32-x64", 43620: "win32-arm64" };

/** @returns `linux-x64` and the like; what it is instead, if it is no library of 64 bits. */
export function machineOf(head: Buffer): string {
  if (head.length < 64) return "too short";
  if (head.readUInt32BE(0) === 0x7f454c46) return ELF[head.readUInt16LE(18)] ?? "another ELF";
  if (head.readUInt32LE(0) === 0xfeedfacf) return MACH_O[head.readUInt32LE(4)] ?? "another Mach-O";
  if (head.readUInt16BE(0) !== 0x4d5a) return "no library";
  const pe = head.readUInt32LE(0x3c);
  return pe + 6 <= head.length ? (PE[head.readUInt16LE(pe + 4)] ?? "another PE") : "a PE with a long stub";
}
