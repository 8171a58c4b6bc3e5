// Bench "size": how large the package for a platform is, what of it is what, and how far it is from its budget.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packFor, TARGETS } from "../../vsix.ts";
import type { Bench } from "./measuring.ts";
import { UsageError } from "./measuring.ts";

const BYTES_PER_MB = 1e6;

export const sizeBench: Bench = {
  summary: "sizes of the packages (MB): packed, unpacked, budget, the largest file",
  options: { target: `one of ${TARGETS.join(", ")}, or all (default: this platform); packs what is built` },
  async run({ target = `${process.platform}-${process.arch}` }, report) {
    const targets = target === "all" ? TARGETS : [target];
    const unknown = targets.find((name) => !TARGETS.includes(name));
    if (unknown !== undefined) throw new UsageError(`There is no package for "${unknown}".`);
    const folder = mkdtempSync(join(tmpdir(), "fathom-size-"));
    try {
      const figures: Record<string, number | string> = {};
      for (const name of targets) {
        report(`packing for ${name}`);
        const packed = await packFor(name, join(folder, `${name}.vsix`));
        const [largest] = packed.largest;
        figures[`${name} packedMb`] = inMb(packed.vsixBytes);
        figures[`${name} budgetMb`] = inMb(packed.budgetBytes);
        figures[`${name} unpackedMb`] = inMb(packed.unpackedBytes);
        figures[`${name} files`] = packed.files;
        figures[`${name} largest`] = `${largest?.path} (${inMb(largest?.bytes ?? 0)} MB)`;
      }
      return figures;
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

function inMb(bytes: number): number {
  return Math.round((10 * bytes) / BYTES_PER_MB) / 10;
}
