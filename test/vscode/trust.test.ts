// A workspace that the user does not trust: nothing of it is read until that changes.
import assert from "node:assert/strict";
import { journey } from "./journey.ts";

describe("an untrusted workspace", () => {
  journey("is left alone until it is trusted", { trusted: false }, async ({ workbench, picture }) => {
    await workbench.waitForStatus(/Fathom: restricted/);
    await picture("restricted");
    assert.ok((await workbench.statusHistory()).every((text) => !/reading|demo/.test(text)));
    await workbench.status.click();
    await workbench.pick("Manage Workspace Trust");
    await workbench.page.getByRole("button", { name: /^Trust$/ }).click();
    await workbench.ready();
  });
});
