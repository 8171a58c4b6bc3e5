// Edit Selection: nothing is written before the user says so, and one Undo takes it back.
import assert from "node:assert/strict";
import { journey, SAMPLE } from "./journey.ts";
import type { Workbench } from "./workbench.ts";

const FILE = "src/parser.ts";
const PROPOSED = "Accept or Discard the edit of parser.ts that Fathom proposes; nothing is written yet.";
/** The last thing that happens when a proposal is accepted. */
const APPLIED = /the edit was applied; Undo takes it back/;

describe("editing a selection", () => {
  journey(
    "shows a proposal, writes it when accepted, and Undo takes it back",
    async ({ workbench, server, picture }) => {
      await propose(workbench);
      await workbench.waitForEditor("parser.ts: proposed edit");
      await workbench.notification(PROPOSED).waitFor();
      await picture("proposal");
      assert.equal(server.read(FILE), SAMPLE[FILE]);
      await workbench.notification(PROPOSED).getByText("Accept", { exact: true }).click();
      await workbench.said(APPLIED);
      await workbench.waitForEditor(/^parser\.ts$/);
      await workbench.notification(PROPOSED).waitFor({ state: "detached" });
      await workbench.page.locator(".tab.active.dirty").waitFor();
      await workbench.save();
      assert.notEqual(server.read(FILE), SAMPLE[FILE]);
      await workbench.focusEditor();
      await workbench.press("Control+Z");
      await workbench.save();
      assert.equal(server.read(FILE), SAMPLE[FILE]);
    },
  );

  journey("writes nothing when discarded", async ({ workbench, server }) => {
    await propose(workbench);
    await workbench.waitForEditor("parser.ts: proposed edit");
    await workbench.notification(PROPOSED).waitFor();
    await workbench.run("Fathom: Discard Proposed Edit");
    await workbench.waitForEditor(/^parser\.ts$/);
    await workbench.notification(PROPOSED).waitFor({ state: "detached" });
    assert.equal(await workbench.page.locator(".tab.dirty").count(), 0);
    assert.equal(server.read(FILE), SAMPLE[FILE]);
  });

  journey("asks no longer once it was answered above the diff or closed", async ({ workbench, server }) => {
    await propose(workbench);
    await workbench.notification(PROPOSED).waitFor();
    await workbench.page.getByRole("button", { name: "Accept Proposed Edit" }).click();
    await workbench.said(APPLIED);
    await workbench.waitForEditor(/^parser\.ts$/);
    await workbench.notification(PROPOSED).waitFor({ state: "detached" });
    await workbench.focusEditor();
    await workbench.press("Control+Z");

    await select(workbench);
    await workbench.answer("Return early when the text is empty.");
    await workbench.notification(PROPOSED).waitFor();
    await workbench.run("View: Close Editor");
    await workbench.notification(PROPOSED).waitFor({ state: "detached" });
    assert.equal(server.read(FILE), SAMPLE[FILE]);
  });

  journey("tells someone who selected nothing what to do, and raises no alarm", async ({ workbench }) => {
    await workbench.ready();
    await workbench.openFile(FILE);
    await workbench.run("Fathom: Edit Selection…");
    const told = workbench.notification("Nothing is selected. Select the code to change first.");
    await told.locator(".codicon-info").waitFor();
    assert.equal(await told.locator(".monaco-button").count(), 0);
  });
});

async function propose(workbench: Workbench): Promise<void> {
  await workbench.ready();
  await workbench.openFile(FILE);
  await select(workbench);
  await workbench.answer("Return early when the text is empty.");
}

/** Selects a function and asks for an edit of it. */
async function select(workbench: Workbench): Promise<void> {
  await workbench.goTo(6, 1);
  for (let line = 6; line < 9; line++) await workbench.press("Shift+ArrowDown");
  await workbench.press("Control+K");
  await workbench.press("Control+G");
}
