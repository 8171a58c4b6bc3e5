// Takes the README's pictures anew, in a real VS Code with this repository's engine as the workspace: `npm run pictures`.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { journey } from "./journey.ts";
import type { Workbench } from "./workbench.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const PICTURES = join(ROOT, "media", "screenshots");
const ENGINE = join(ROOT, "engine", "src");
const FILES = Object.fromEntries(
  readdirSync(ENGINE, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => [`src/${name}`, readFileSync(join(ENGINE, name), "utf8")]),
);
/** Reading takes longer here than in the tests. */
const READING_MS = 300_000;

/** Where even the demo model knows how to go on. */
FILES["src/loop.ts"] = "const items = [1, 2, 3];\nfor (const item of items) {\n    console.\n}\n";
const SETTINGS = { "workbench.colorTheme": "Default Dark Modern" };
const SHOWN = { files: FILES, settings: SETTINGS };
/** Not all fits, so that the map has something to tell. */
const SHOWN_IN_PARTS = { files: FILES, settings: { ...SETTINGS, "fathom.context.maxTokens": 32_768 } };

const FILE = "src/scheduler.ts";
const lines = FILES[FILE]!.split("\n");

describe("pictures of the README", function () {
  this.timeout(2 * READING_MS);

  journey("reading, chat, context map", SHOWN_IN_PARTS, async ({ workbench, server }) => {
    await begin(workbench);
    await workbench.openFile(FILE);
    await workbench.waitForPassing(/reading [4-9]\d %/);
    await workbench.status.hover();
    await workbench.page.locator(".monaco-hover li").first().waitFor();
    await take(workbench, "reading");

    await workbench.status.filter({ hasText: /Fathom \(demo\)$/ }).waitFor({ timeout: READING_MS });
    await workbench.page.keyboard.press("Escape");
    const chat = await workbench.openChat();
    await workbench.type("Where does the scheduler choose which work is next?");
    await workbench.press("Enter");
    await chat.getByText(/tokens? in .* · prompt/).waitFor();
    // The view follows the answer's end; what is promised is what stands first.
    await chat.getByText("Where does the scheduler").scrollIntoViewIfNeeded();
    await take(workbench, "chat");

    await workbench.run("View: Toggle Primary Side Bar Visibility");
    await chat.locator("body").waitFor({ state: "hidden" });
    server.write("src/rpc.ts", `${FILES["src/rpc.ts"]}\n// A line that was not there when the files were read.\n`);
    await workbench.waitForFact(/^Changed since: 1 /);
    await workbench.run("Fathom: Show Context Map");
    await workbench.webview.getByRole("searchbox", { name: "Find a file" }).waitFor();
    await take(workbench, "contextMap");
  });

  journey("ghost text and a proposed edit", SHOWN, async ({ workbench }) => {
    await begin(workbench);
    await workbench.openFile("src/loop.ts");
    await workbench.goTo(3, 13);
    await workbench.press("Control+Alt+8");
    await workbench.waitForGhost();
    await take(workbench, "completion");

    await workbench.openFile(FILE);
    await workbench.goTo(lines.findIndex((line) => line.includes("get waiting()")) + 1, 1);
    for (let n = 0; n < 3; n++) await workbench.press("Shift+ArrowDown");
    await workbench.press("Control+K");
    await workbench.press("Control+G");
    await workbench.answer("Count only what has not been aborted.");
    await workbench.waitForEditor("scheduler.ts: proposed edit");
    await workbench.notification("Fathom edits the selection").waitFor({ state: "detached" });
    await workbench.notification("nothing is written yet").waitFor();
    await take(workbench, "edit");
  });

  journey("search and models", SHOWN, async ({ workbench }) => {
    await begin(workbench);
    await workbench.waitForFact(/^Search: .* chunks/);
    await workbench.run("Fathom: Search Codebase…");
    await workbench.fillQuickInput("which work is next");
    await workbench.quickRows.filter({ hasText: "scheduler.ts" }).first().waitFor();
    await workbench.press("ArrowDown");
    await workbench.press("ArrowUp");
    await workbench.waitForEditor("scheduler.ts");
    await take(workbench, "search");
    await workbench.press("Escape");

    await workbench.run("Fathom: Get Model…");
    await workbench.quickRows.filter({ hasText: "Qwen3.5 4B" }).waitFor();
    await take(workbench, "models");
  });
});

/** Waits for the model, and sends away the hint of the first start, which would lie over what is shown. */
async function begin(workbench: Workbench): Promise<void> {
  await workbench.notification("Get Model… installs a real one").waitFor();
  await workbench.run("Notifications: Clear All Notifications");
}

async function take(workbench: Workbench, name: string): Promise<void> {
  await workbench.page.screenshot({ path: join(PICTURES, `${name}.png`), animations: "disabled" });
}
