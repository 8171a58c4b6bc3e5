// The first minute with Fathom: with the demo model, and without any model.
import assert from "node:assert/strict";
import { journey } from "./journey.ts";

const HINT = "Get Model… installs a real one";

describe("first start", () => {
  journey("runs the demo model and says once that it is one", async ({ workbench }) => {
    await workbench.ready();
    await workbench.notification(HINT).first().waitFor();
    assert.equal(await workbench.notification(HINT).count(), 1);
    await workbench.waitForStored("fathom.demoHintShown");
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
    await workbench.page.getByText("Complete as You Type").first().click();
    await workbench.page.locator("b, strong", { hasText: "Tab" }).waitFor();
    await picture("completions");
    await workbench.page.getByText("Let It Read the Codebase").first().click();
    await workbench.page.getByRole("button", { name: "Show Context Map" }).click();
    await workbench.waitForEditor(/Context Map/);
  });

  journey("counts a step of the walkthrough as done once it was done", async ({ workbench }) => {
    const asked = workbench.page.locator('[data-done-step-id$="#ask"]');
    await workbench.ready();
    await workbench.run("Welcome: Open Walkthrough...");
    await workbench.pick("Get Started with Fathom");
    await asked.and(workbench.page.locator('[aria-checked="false"]')).waitFor();
    // By the mouse: the page takes the keyboard's focus when it is drawn, which would close the palette.
    await workbench.page.locator(".tab.active .tab-actions a").click();
    const chat = await workbench.openChat();
    await workbench.type("Where is the header parsed?");
    await workbench.press("Enter");
    await chat.locator('article.answer[aria-busy="false"] .figures').waitFor();
    await workbench.run("Welcome: Open Walkthrough...");
    await workbench.pick("Get Started with Fathom");
    await asked.and(workbench.page.locator('[aria-checked="true"]')).waitFor();
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
