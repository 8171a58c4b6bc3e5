// Tests of the server's sentences in the words of the command line: nothing is left of an editor's settings and commands.
import assert from "node:assert/strict";
import { FATHOM, inCommandWords, withModelAdvice } from "../../../server/src/cli/commandWords.ts";
import { ModelLibrary } from "../../../server/src/models/library.ts";

const ADVICE = `See “${FATHOM} models”, or pass a model with --model FILE.`;

describe("cli words", () => {
  it("speaks of --model, not of the setting, when there is no such model", async () => {
    const library = new ModelLibrary({ storageDir: "none", demoModelDir: "none", demoEnabled: false, catalogue: [] });
    const sentence = await library.selected("bogus").then(
      () => assert.fail("there is such a model"),
      (error: Error) => error.message,
    );
    const start = "--model is “bogus”, which is neither a file that ends in .gguf nor an installed model";
    assert.equal(inCommandWords(sentence), `${start} (installed: none). ${ADVICE}`);
  });

  it("names commands of its own instead of those of editors", () => {
    const cases = {
      "No model is set. Choose or download one with Get Model….": `No model is set. ${ADVICE}`,
      "The file a.gguf does not exist. Choose or download a model with Get Model….": `The file a.gguf does not exist. ${ADVICE}`,
      "Download it again or choose another one with Get Model….": `Download it again or choose another one with “${FATHOM} models”.`,
      "It stays off. Restart it with Restart Engine, or see the log.":
        "It stays off. Run the command again; --verbose shows the log.",
      "All is well.": "All is well.",
    };
    for (const [sentence, expected] of Object.entries(cases)) assert.equal(inCommandWords(sentence), expected);
  });

  it("says once where models are", () => {
    assert.equal(withModelAdvice("It is damaged."), `It is damaged.\n${ADVICE}`);
    const once = inCommandWords("No model is set. Choose or download one with Get Model….");
    assert.equal(withModelAdvice(once), once);
  });
});
