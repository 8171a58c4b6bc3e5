// Tests which places get no completion, and that the reason names the setting that says so.
import assert from "node:assert/strict";
import { refusalOf } from "../../../server/src/completion/refusal.ts";
import { DEFAULT_SETTINGS } from "../../../server/src/protocol/settings.ts";

const SETTINGS = DEFAULT_SETTINGS.completion;
const at = (path: string, text = "x", languageId = "typescript") => ({
  uri: `file:///w/${path}`,
  path,
  languageId,
  text,
});

describe("completion: refusals", () => {
  it("refuses nothing by default", () => assert.equal(refusalOf(at("src/a.ts"), SETTINGS), undefined));

  it("names the setting that switches it off", () => {
    assert.match(refusalOf(at("a.ts"), { ...SETTINGS, enabled: false }) ?? "", /fathom\.completion\.enabled/);
    const languages = { "*": true, markdown: false };
    assert.match(
      refusalOf(at("a.md", "x", "markdown"), { ...SETTINGS, languages }) ?? "",
      /for markdown \(fathom\.completion\.languages\)/,
    );
    assert.equal(refusalOf(at("a.ts"), { ...SETTINGS, languages }), undefined);
  });

  it("lets single languages on where all others are off", () => {
    const languages = { "*": false, go: true };
    assert.equal(refusalOf(at("a.go", "x", "go"), { ...SETTINGS, languages }), undefined);
    assert.match(refusalOf(at("a.ts"), { ...SETTINGS, languages }) ?? "", /for typescript/);
  });

  it("is not confused by a language named as a property of every object", () => {
    assert.equal(refusalOf(at("a", "x", "constructor"), SETTINGS), undefined);
  });

  it("excludes by the patterns of a .gitignore", () => {
    const exclude = ["*.md", "legal/", "!legal/open.ts"];
    for (const path of ["README.md", "docs/a.md", "legal/deed.ts"]) {
      assert.equal(refusalOf(at(path), { ...SETTINGS, exclude }), `${path} is excluded (fathom.completion.exclude)`);
    }
    assert.equal(refusalOf(at("src/a.ts"), { ...SETTINGS, exclude }), undefined);
  });

  it("leaves a path that no pattern can match alone", () => {
    assert.equal(refusalOf(at("../outside.ts"), { ...SETTINGS, exclude: ["*.md"] }), undefined);
  });

  it("does not read what holds secrets, by the file's name, its folder or its text", () => {
    assert.match(refusalOf(at(".env"), SETTINGS) ?? "", /^\.env may hold secrets/);
    const inStore = { ...at("config"), uri: "file:///home/me/.ssh/config" };
    assert.match(refusalOf(inStore, SETTINGS) ?? "", /may hold secrets/);
    const key = `-----BEGIN RSA PRIVATE KEY-----\n${"MIIEowIBAAKCAQEA7d".repeat(20)}\n-----END RSA PRIVATE KEY-----\n`;
    assert.match(refusalOf(at("a.ts", key), SETTINGS) ?? "", /^a\.ts is not read: /);
  });

  it("takes a uri that is not encoded as it should be", () => {
    assert.equal(refusalOf({ ...at("100%.ts"), uri: "file:///w/100%.ts" }, SETTINGS), undefined);
  });
});
