// Tests what the server is told of VS Code's proxy settings.
import assert from "node:assert/strict";
import { proxyEnvironment } from "../../../extension/src/proxy.ts";

describe("VS Code's proxy", () => {
  it("is passed on by both spellings, so that it goes before the environment's", () => {
    const proxy = "http://proxy:3128";
    assert.deepEqual(proxyEnvironment(proxy, []), {
      HTTPS_PROXY: proxy,
      https_proxy: proxy,
      HTTP_PROXY: proxy,
      http_proxy: proxy,
    });
  });

  it("leaves the environment alone where none is set, or one of another kind", () => {
    assert.deepEqual(proxyEnvironment("", []), {});
    assert.deepEqual(proxyEnvironment(undefined, undefined), {});
    assert.deepEqual(proxyEnvironment("socks5://proxy:1080", []), {});
  });

  it("is nothing where the settings are of another type", () => {
    assert.deepEqual(proxyEnvironment(null, null), {});
    assert.deepEqual(proxyEnvironment(3128, "localhost"), {});
  });

  it("is not asked for the hosts that are reached directly", () => {
    const hosts = "localhost,.corp.example";
    assert.deepEqual(proxyEnvironment("", hosts.split(",")), { NO_PROXY: hosts, no_proxy: hosts });
  });
});
