// Get CUDA Runtime… as a user meets it: what it says without NVIDIA's driver, the dialog with it, a download that goes wrong.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { CUDA_VERSION, cudaPackages } from "../../server/src/cuda/cudaPackages.ts";
import { NpmRegistry } from "../fakes/npmRegistry.ts";
import { seeminglyNvidia } from "../fakes/nvidiaDriver.ts";
import { journey } from "./journey.ts";

const registry = new NpmRegistry();
await registry.listen();
const driver = seeminglyNvidia();
const [first] = cudaPackages("linux-x64");
registry.archives.set(
  `/npm/${first!.name}/-/${first!.name.split("/")[1]}-${CUDA_VERSION}.tgz`,
  Buffer.from("not what the lock file names"),
);

describe("the runtime for CUDA", () => {
  after(async () => {
    await registry.close();
    driver.remove();
  });

  journey("is not offered where NVIDIA's driver is missing, with what to do", async ({ workbench }) => {
    await workbench.ready();
    await workbench.run("Fathom: Get CUDA Runtime…");
    await workbench.dialog
      .filter({ hasText: /No NVIDIA driver with CUDA's own libraries.*Install NVIDIA's/ })
      .waitFor();
  });

  journey(
    "for another version of Fathom is named once, with the way to the right one",
    async ({ workbench, server }) => {
      await workbench.ready();
      mkdirSync(join(server.storageDir, "runtimes", "cuda-1.0.0"), { recursive: true });
      await workbench.reload();
      await workbench.answerNotification(/CUDA runtime is for an older version/, "Get CUDA Runtime…");
      await workbench.dialog.filter({ hasText: "No NVIDIA driver" }).waitFor();
      await workbench.press("Escape");
      await workbench.waitForStored("fathom.cudaOutdatedHint");
      await workbench.reload();
      await workbench.ready();
      assert.equal(await workbench.notification(/CUDA runtime/).count(), 0);
    },
  );

  journey(
    "is downloaded only after a dialog, and only what Fathom knows by its hash is used",
    {
      settings: { "fathom.runtime.npmRegistry": registry.url },
      env: driver.env,
      provokes: [/its SHA-512 is/],
    },
    async ({ workbench, picture }) => {
      registry.fetched.length = 0;
      await workbench.ready();
      await workbench.run("Fathom: Get CUDA Runtime…");
      await workbench.dialog.filter({ hasText: `from ${registry.host}?` }).waitFor();
      await picture("dialog");
      await workbench.press("Escape");
      await workbench.dialog.waitFor({ state: "detached" });
      assert.deepEqual(registry.fetched, []);

      await workbench.run("Fathom: Get CUDA Runtime…");
      await workbench.dialog.getByRole("button", { name: "Download" }).click();
      await workbench.notification(/its SHA-512 is .* kept as .* not used/).waitFor();
      await workbench.ready();
    },
  );
});
