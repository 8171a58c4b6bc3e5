// The context map: what the model has of each file, and the way from a file to its editor.
import { journey } from "./journey.ts";

describe("context map", () => {
  journey("shows the files that were read and opens them", async ({ workbench }) => {
    await workbench.ready();
    await workbench.run("Fathom: Show Context Map");
    await workbench.webview.getByRole("searchbox", { name: "Find a file" }).fill("render");
    await workbench.webview.getByText("render.ts").first().click();
    await workbench.waitForEditor(/^render\.ts$/);
  });
});
