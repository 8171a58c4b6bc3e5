// What breaks under the user's hands comes back by itself.
import assert from "node:assert/strict";
import { journey } from "./journey.ts";

describe("trouble", () => {
  journey("with the engine ends in a restart, and the next question is answered", async ({ workbench, server }) => {
    await workbench.ready();
    const [engine] = server.processes("dist/engine.mjs");
    process.kill(engine!, "SIGKILL");
    await workbench.waitForPassing(/restarting/);
    await workbench.ready();
    assert.notEqual(server.processes("dist/engine.mjs")[0], engine);
    const chat = await workbench.openChat();
    await workbench.type("Are you still there?");
    await workbench.press("Enter");
    await chat.locator('article.answer[aria-busy="false"] .figures').waitFor();
  });

  journey(
    "with the disk: a workspace that nobody can write to is read and searched",
    { readOnly: true },
    async ({ workbench }) => {
      await workbench.ready();
      await workbench.run("Fathom: Search Codebase…");
      await workbench.fillQuickInput("renderTitle");
      await workbench.pick(/renderTitle.*src\/render\.ts/);
      await workbench.waitForEditor("render.ts");
    },
  );
});
