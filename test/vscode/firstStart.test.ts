// The first minute with Fathom: with the demo model, and without any model.
import assert from "node:assert/strict";
import { journey } from "./journey.ts";

const HINT = "Get Model… installs a real one";

describe("first start", () => {
  journey("runs the demo model and says once that it is one", async ({ workbench }) => {
    await workbench.ready();
    assert.equal(await workbench.notification(HINT).count(), 1);
    await workbench.reload();
    await workbench.ready();
    assert.equal(await workbench.notification(/./).count(), 0);
  });

  journey("has a walkthrough that leads on", async ({ workbench, picture }) => {
    await workbench.ready();
    await workbench.run("Welcome: Open Walkthrough...");
    await workbench.pick("Get Started with Fathom");
    await workbench.page.getByText("Let It Read the Codebase").first().click();
    // Drawings stand beside the steps where there is room for them.
    await workbench.press("Control+B");
    await workbench.webview.getByRole("img", { name: "The codebase as the model has read it" }).waitFor();
    await picture("walkthrough");
    await workbench.page.getByRole("button", { name: "Show Context Map" }).click();
    await workbench.waitForEditor(/Context Map/);
  });

  journey(
    "is quiet without a model and shows where to get one",
    { settings: { "fathom.model.demo": false } },
    async ({ workbench }) => {
      await workbench.waitForStatus(/Fathom: no model/);
      assert.equal(await workbench.notification(/./).count(), 0);
      await workbench.status.click();
      await workbench.pick("Get Model…");
      await workbench.quickRows.filter({ hasText: "Qwen3.5 4B" }).waitFor();
    },
  );
});
