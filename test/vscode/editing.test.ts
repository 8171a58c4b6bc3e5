// Edit Selection: nothing is written before the user says so, and one Undo takes it back.
import assert from "node:assert/strict";
import { journey, SAMPLE } from "./journey.ts";
import type { Workbench } from "./workbench.ts";

const FILE = "src/parser.ts";
const PROPOSED = "Fathom proposes an edit of parser.ts; nothing is written yet.";

describe("editing a selection", () => {
  journey(
    "shows a proposal, writes it when accepted, and Undo takes it back",
    async ({ workbench, server, picture }) => {
      await propose(workbench);
      await workbench.waitForEditor("parser.ts: proposed edit");
      await picture("proposal");
      assert.equal(server.read(FILE), SAMPLE[FILE]);
      await workbench.answerNotification(PROPOSED, "Accept");
      await workbench.waitForEditor(/^parser\.ts$/);
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
    await workbench.run("Fathom: Discard Proposed Edit");
    await workbench.waitForEditor(/^parser\.ts$/);
    assert.equal(await workbench.page.locator(".tab.dirty").count(), 0);
    assert.equal(server.read(FILE), SAMPLE[FILE]);
  });
});

async function propose(workbench: Workbench): Promise<void> {
  await workbench.ready();
  await workbench.openFile(FILE);
  await workbench.goTo(6, 1);
  for (let line = 6; line < 9; line++) await workbench.press("Shift+ArrowDown");
  await workbench.press("Control+Alt+E");
  await workbench.answer("Return early when the text is empty.");
}
