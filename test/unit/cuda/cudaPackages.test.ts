// Tests that the pinned packages for CUDA are those of the lock file and of the runtime that ships.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { CUDA_VERSION, cudaPackages } from "../../../server/src/cuda/cudaPackages.ts";
import { binaryPackages, TARGETS } from "../../../vsix.ts";

const { packages: locked } = JSON.parse(readFileSync(new URL("../../../package-lock.json", import.meta.url), "utf8"));

describe("packages for CUDA", () => {
  for (const target of TARGETS) {
    it(`for ${target} are those of the lock file, and there where the runtime has them`, () => {
      const packages = cudaPackages(target);
      const [runtime] = binaryPackages(target);
      const names = [`${runtime}-cuda`, `${runtime}-cuda-ext`].filter((name) => `node_modules/${name}` in locked);
      assert.deepEqual(
        packages.map(({ name }) => name),
        names,
      );
      for (const { name, integrity } of packages) {
        const { version, integrity: expected, license } = locked[`node_modules/${name}`];
        assert.deepEqual(
          { version, expected, license },
          { version: CUDA_VERSION, expected: integrity, license: "MIT" },
        );
      }
    });
  }

  it("are of the runtime's version, which takes no other", () => {
    assert.equal(locked["node_modules/node-llama-cpp"].version, CUDA_VERSION);
  });

  it("are there for Linux and Windows on x64", () => {
    const offered = TARGETS.filter((target) => cudaPackages(target).length > 0);
    assert.deepEqual(offered, ["linux-x64", "win32-x64"]);
    assert.deepEqual(cudaPackages("sunos-x64"), []);
  });
});
