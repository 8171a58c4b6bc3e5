// The packages with llama.cpp for CUDA that can be had later, pinned by size and hash; fetches nothing.

/** One package as an npm registry has it. */
export interface CudaPackage {
  name: string;
  /** What is in it, for people. */
  holds: string;
  /** Size of the archive, bytes. */
  bytes: number;
  /** What it takes once it is unpacked, bytes. */
  unpackedBytes: number;
  /** Hash of the archive as in the lock file (`sha512-` and base64); a test compares the two. */
  integrity: string;
}

/** Of node-llama-cpp, which takes binaries of its own version only. */
export const CUDA_VERSION = "3.21.1";

export const CUDA_LICENCE = "MIT";

/** By platform and processor. CUDA's own libraries are not in them: NVIDIA's installer brings those. */
const PACKAGES: Readonly<Record<string, readonly CudaPackage[]>> = {
  "linux-x64": [
    {
      name: "@node-llama-cpp/linux-x64-cuda",
      holds: "llama.cpp, and its kernels for CUDA 13",
      bytes: 142_850_036,
      unpackedBytes: 188_693_843,
      integrity: "sha512-idsE55VoD/FbvLhnBC9krUJaUoC0XnebseAAnCpm/brKf61HEbu+idgbb5eN6mxkjLSrHtILprJ0nDcUJjVrFg==",
    },
    {
      name: "@node-llama-cpp/linux-x64-cuda-ext",
      holds: "its kernels for CUDA 12",
      bytes: 176_679_086,
      unpackedBytes: 374_197_990,
      integrity: "sha512-1PuURowccBcks3CCoMe1mTHh5vD0V5bFHMUEgtbI/OSDjpP+Pdbn+lf42CGUrepTzR8kCH1HovQ7d8q6/vuIKA==",
    },
  ],
  "win32-x64": [
    {
      name: "@node-llama-cpp/win-x64-cuda",
      holds: "llama.cpp, and its kernels for CUDA 13",
      bytes: 138_542_727,
      unpackedBytes: 175_510_346,
      integrity: "sha512-PLz70neFEMkQTlmJqG1ujUtCSgHasLPMxQ9rLkqQVmZYAXqkRj+45TIHCjdn3XqUeaoun0vrO9rRaxZ8NVq9jg==",
    },
    {
      name: "@node-llama-cpp/win-x64-cuda-ext",
      holds: "its kernels for CUDA 12",
      bytes: 175_417_684,
      unpackedBytes: 367_830_717,
      integrity: "sha512-L2MxLVEYPDDe4O8EDWPmX6brldc9+Vt9hNoT/anj3pSnmrjkQcmaoKhHs6oP5qhEhb5Uog0rj6lgzNGtJO3p9Q==",
    },
  ],
};

/**
 * What has to be fetched for a platform.
 * @param platform As `process.platform` and `process.arch` say it, such as "linux-x64".
 * @returns Empty where there are no binaries for CUDA.
 */
export function cudaPackages(platform = `${process.platform}-${process.arch}`): readonly CudaPackage[] {
  return PACKAGES[platform] ?? [];
}
