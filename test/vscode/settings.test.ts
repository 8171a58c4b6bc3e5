// Settings take effect at once, without a restart.
import { journey } from "./journey.ts";

describe("settings", () => {
  journey("switch the demo model off and on again", async ({ workbench, server }) => {
    await workbench.ready();
    server.changeSettings({ "fathom.model.demo": false });
    await workbench.waitForStatus(/Fathom: no model/);
    server.changeSettings({ "fathom.model.demo": true });
    await workbench.ready();
  });
});
