// UI from Screenshot: an image of the workspace becomes code in a new editor.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { journey } from "./journey.ts";

const IMAGE = readFileSync(join(import.meta.dirname, "..", "fixtures", "screenshot.png"));

describe("a screenshot", () => {
  journey("becomes code in a new editor", { files: { "page.png": IMAGE } }, async ({ workbench }) => {
    await workbench.ready();
    const { page } = workbench;
    await page.locator(".explorer-folders-view .monaco-list-row", { hasText: "page.png" }).click({ button: "right" });
    await page.getByRole("menuitem", { name: "UI from Screenshot…" }).hover();
    // By the keyboard: a menu takes no click in its first tenth of a second.
    await workbench.press("Enter");
    await workbench.answer("plain HTML");
    await workbench.waitForEditor(/Untitled-1/);
    await page.locator(".editor-instance .view-line").filter({ hasText: /\S/ }).first().waitFor();
  });
});
