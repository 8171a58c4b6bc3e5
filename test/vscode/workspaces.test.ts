// Several folders in one window, and several windows on one folder.
import { journey } from "./journey.ts";

const TWO_FOLDERS = {
  "both.code-workspace": JSON.stringify({ folders: [{ path: "client" }, { path: "server" }] }),
  "client/src/send.ts": "export function sendOrder(id: string): string {\n  return id;\n}\n",
  "server/src/receive.ts": "export function receiveOrder(id: string): string {\n  return id;\n}\n",
};

describe("workspaces", () => {
  journey(
    "with several folders are searched as one",
    { files: TWO_FOLDERS, opens: "both.code-workspace" },
    async ({ workbench }) => {
      await workbench.ready();
      await workbench.run("Fathom: Search Codebase…");
      await workbench.fillQuickInput("order");
      await workbench.quickRows.filter({ hasText: /sendOrder.*client\/src\/send\.ts/ }).waitFor();
      await workbench.pick(/receiveOrder.*server\/src\/receive\.ts/);
      await workbench.waitForEditor("receive.ts");
    },
  );

  const provokes = [/The search index is kept in memory .* another window or command uses the one on disk/];
  journey("open in two windows serve both", { provokes }, async ({ workbench, openWindow }) => {
    await workbench.ready();
    const second = await openWindow();
    await second.ready();
    for (const window of [workbench, second]) {
      await window.page.bringToFront();
      await window.run("Fathom: Search Codebase…");
      await window.fillQuickInput("parseHeader");
      await window.pick(/parseHeader.*src\/parser\.ts/);
      await window.waitForEditor("parser.ts");
    }
  });
});
