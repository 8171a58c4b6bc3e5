// Finding code: the search pick, and VS Code's own symbol search.
import { journey } from "./journey.ts";

describe("search", () => {
  journey("leads to a definition", async ({ workbench }) => {
    await workbench.ready();
    await workbench.run("Fathom: Search Codebase…");
    await workbench.fillQuickInput("parseHeader");
    await workbench.pick(/parseHeader.*src\/parser\.ts/);
    await workbench.waitForEditor("parser.ts");
    await workbench.waitForCursor(6);
  });
});
