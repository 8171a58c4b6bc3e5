// Inline completions as the user meets them: grey text that is typed through, taken whole or in part, or sent away.
import assert from "node:assert/strict";
import { journey } from "./journey.ts";
import type { Workbench } from "./workbench.ts";

const BEFORE = "const items = [1, 2, 3];\nfor (const item of items) {\n    console.";
const AFTER = "\n}\n";
const FILES = { "src/loop.ts": BEFORE + AFTER, ".env": "TOKEN=\n" };
const NOTEBOOK = JSON.stringify({
  cells: [{ cell_type: "code", execution_count: null, metadata: {}, outputs: [], source: ["for item in "] }],
  metadata: { language_info: { name: "python" } },
  nbformat: 4,
  nbformat_minor: 2,
});

describe("ghost text", () => {
  journey("is typed through, taken by word and sent away", { files: FILES }, async ({ workbench, picture }) => {
    const offered = await offer(workbench);
    await picture("offered");
    await workbench.type(offered.slice(0, 1));
    await workbench.waitForGhost(offered.slice(1));

    const [word] = /^\W*\w+/.exec(offered)!;
    await workbench.press("Control+ArrowRight");
    await workbench.waitForText(BEFORE + word + AFTER);
    await workbench.waitForGhost(offered.slice(word.length));
    await workbench.press("Escape");
    await workbench.waitForGhost("");
    assert.equal(await workbench.visibleText(), BEFORE + word + AFTER);
  });

  journey("is taken by line", { files: FILES }, async ({ workbench }) => {
    const offered = await offer(workbench);
    await workbench.press("Control+Alt+9");
    // The end of the line belongs to it, where another one follows.
    const [line] = /^.*\n?/.exec(offered)!;
    await workbench.waitForText(BEFORE + line + AFTER);
  });

  journey("is taken whole with Tab, and Undo takes it back", { files: FILES }, async ({ workbench, server }) => {
    const offered = await offer(workbench);
    await workbench.press("Tab");
    await workbench.waitForText(BEFORE + offered + AFTER);
    await workbench.save();
    assert.equal(server.read("src/loop.ts"), BEFORE + offered + AFTER);
    await workbench.press("Control+Z");
    await workbench.waitForText(BEFORE + AFTER);
  });

  journey("is counted, on a page that nobody else sees", { files: FILES }, async ({ workbench, picture }) => {
    const offered = await offer(workbench);
    await workbench.press("Tab");
    await workbench.waitForText(BEFORE + offered + AFTER);
    await workbench.run("Fathom: Show Completion Statistics");
    const taken = workbench.webview.getByRole("row", { name: /^taken as a whole 1 \(100 %\)/ });
    await taken.waitFor();
    await workbench.webview.getByText("nothing of it is sent anywhere").waitFor();
    await picture("statistics");
  });

  journey("rests when it is snoozed", { files: FILES }, async ({ workbench }) => {
    await offer(workbench);
    await workbench.press("Escape");
    await workbench.run("Fathom: Snooze Inline Completions…");
    await workbench.pick("For 15 minutes");
    await workbench.waitForStatus(/Fathom \(demo\), completions snoozed until \d/);
    await workbench.press("Control+Alt+8");
    // Longer on its way than a completion was.
    await workbench.waitForFact(/^Last completion/);
    assert.equal(await workbench.ghostText(), "");
    await workbench.run("Fathom: Snooze Inline Completions…");
    await workbench.pick("Go on now");
    await workbench.ready();
    await workbench.press("Control+Alt+8");
    await workbench.waitForGhost();
  });

  journey("is seen in the status bar to be off, and its menu brings it back", { files: FILES }, async (walked) => {
    const { workbench, picture } = walked;
    await offer(workbench);
    await workbench.run("Fathom: Switch Inline Completions for This Language On or Off");
    await workbench.waitForStatus(/Fathom \(demo\), completions off for typescript$/);
    await workbench.waitForFact(/^Completions: off for typescript/);
    await workbench.status.click();
    await picture("menu");
    await workbench.pick("Switch Inline Completions for typescript On");
    await workbench.ready();

    await workbench.run("Fathom: Switch Inline Completions On or Off");
    await workbench.waitForStatus(/Fathom \(demo\), completions off$/);
    await workbench.status.click();
    await workbench.pick(/Switch Inline Completions On$/);
    await workbench.ready();
    await workbench.goTo(3, 13);
    await workbench.press("Control+Alt+8");
    await workbench.waitForGhost();
  });

  journey("leaves Tab to a snippet that is being filled in", { files: FILES }, async ({ workbench }) => {
    await workbench.ready();
    await workbench.openFile("src/loop.ts");
    await workbench.press("Control+End");
    await workbench.run("Snippets: Insert Snippet");
    await workbench.fillQuickInput("Do-While Statement");
    await workbench.pick("Do-While Statement");
    await workbench.type("open");
    await workbench.press("Control+Alt+8");
    await workbench.press("Tab");
    await workbench.type("next();");
    await workbench.waitForText(`${BEFORE}${AFTER}do {\n    next();\n} while (open);`);
  });

  journey("leaves notebooks as they are", { files: { "a.ipynb": NOTEBOOK } }, async ({ workbench }) => {
    await workbench.ready();
    await workbench.page.getByRole("treeitem", { name: "a.ipynb" }).dblclick();
    await workbench.page.locator(".notebookOverlay .monaco-editor .view-lines").first().click();
    await workbench.press("Control+End");
    await workbench.type("items");
    await workbench.press("Control+Alt+8");
    await workbench.page.locator(".notebookOverlay .view-line", { hasText: "for item in items" }).waitFor();
  });

  journey(
    "is not there in a file that may hold secrets, and the status says why",
    { files: FILES },
    async ({ workbench }) => {
      await workbench.ready();
      await workbench.openFile(".env");
      await workbench.press("Control+End");
      await workbench.type("A");
      await workbench.press("Control+Alt+8");
      await workbench.waitForFact(/^Last completion: .*may hold secrets/);
      assert.equal(await workbench.ghostText(), "");
    },
  );
});

/** @returns What is offered at the end of {@link BEFORE}. */
async function offer(workbench: Workbench): Promise<string> {
  await workbench.ready();
  await workbench.openFile("src/loop.ts");
  await workbench.goTo(3, 13);
  await workbench.press("Control+Alt+8");
  return workbench.waitForGhost();
}
