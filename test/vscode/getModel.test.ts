// Get Model… as a user meets it: the dialog before anything is fetched, the proxy of VS Code's settings, a pause.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { journey } from "./journey.ts";

/** What a proxy was asked to connect to; it keeps its clients waiting. */
const asked: string[] = [];
const proxy = createServer().on("connect", ({ url = "" }, client) => {
  asked.push(url);
  client.on("error", () => undefined).resume();
});
proxy.listen(0, "127.0.0.1");
await once(proxy, "listening");
// Where mocha is told to run other tests, nothing closes it.
proxy.unref();
const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;

describe("a model", () => {
  after(() => {
    proxy.close();
    proxy.closeAllConnections();
  });

  journey(
    "is downloaded only after a dialog, through the proxy of VS Code's settings, and the download can be paused",
    {
      settings: { "http.proxy": proxyUrl, "fathom.model.demo": false },
      // A machine's own exceptions would go past the proxy.
      env: { NO_PROXY: "", no_proxy: "" },
    },
    async ({ workbench, picture }) => {
      asked.length = 0;
      await workbench.waitForStatus(/Fathom: no model/);
      await workbench.run("Fathom: Get Model…");
      await workbench.pick("Qwen3.5 0.8B");
      await workbench.dialog.filter({ hasText: /Download Qwen3\.5 0\.8B .* from huggingface\.co\?/ }).waitFor();
      await picture("dialog");
      assert.deepEqual(asked, []);
      const connecting = once(proxy, "connect");
      await workbench.dialog.getByRole("button", { name: "Download" }).click();
      await connecting;
      assert.deepEqual(asked, ["huggingface.co:443"]);
      await workbench.answerNotification(/Downloading Qwen3\.5 0\.8B/, "Cancel");
      await workbench.said(/download was paused.*goes on from there/);
    },
  );
});
