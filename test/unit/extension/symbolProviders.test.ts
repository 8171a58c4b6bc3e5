// Tests what besides Fathom is told to find symbols, by the extensions that are there.
import assert from "node:assert/strict";
import { symbolProviders } from "../../../extension/src/symbolProviders.ts";

describe("what else finds symbols", () => {
  const languagesWith = (...installed: string[]) =>
    symbolProviders((extension) => installed.includes(extension)).flatMap(({ languages }) => languages);

  it("is nothing where no such extension is", () => assert.deepEqual(languagesWith("some.other"), []));

  it("is the extension of each language, once", () => {
    assert.deepEqual(languagesWith("vscode.typescript-language-features", "golang.go"), [
      "typescript",
      "typescriptreact",
      "javascript",
      "javascriptreact",
      "go",
    ]);
    assert.deepEqual(languagesWith("ms-python.python", "ms-python.vscode-pylance"), ["python"]);
  });

  it("names no ending twice", () => {
    const endings = symbolProviders(() => true).flatMap((provider) => provider.endings);
    assert.equal(new Set(endings).size, endings.length);
  });
});
