// A folder in which the runtime sees NVIDIA's driver and CUDA: files with the right names and nothing in them.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The runtime looks for these names; that they cannot be loaded it finds out when it tries to start on CUDA. */
const LIBRARIES = ["libnvidia-ml.so.1", "libcuda.so.1", "libcudart.so.13", "libcublas.so.13", "libcublasLt.so.13"];

/** @returns Environment of a process that sees the driver on Linux, and what takes the folder away again. */
export function seeminglyNvidia(): { env: NodeJS.ProcessEnv; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "fathom-nvidia-"));
  for (const name of LIBRARIES) writeFileSync(join(folder, name), "");
  return { env: { LD_LIBRARY_PATH: folder }, remove: () => rmSync(folder, { recursive: true }) };
}
