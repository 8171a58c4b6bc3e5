// The chat in the side bar: asking, watching the answer come, stopping it, coming back to it.
import assert from "node:assert/strict";
import { journey } from "./journey.ts";

/** Tokens: so long that there is time to stop it, and soon over on a slow machine too. */
const LONG = { "fathom.chat.maxTokens": 4000 };

describe("chat", () => {
  journey(
    "streams an answer, can be stopped, and is there after a restart",
    { settings: LONG },
    async ({ workbench, picture }) => {
      await workbench.ready();
      let chat = await workbench.openChat();
      const answers = () => chat.getByRole("article", { name: "Answer" });
      await workbench.type("Where is the header parsed?");
      await workbench.press("Enter");
      await answers().getByText("src/parser.ts").first().waitFor();
      await chat.locator('article.answer[aria-busy="true"] .markdown').filter({ hasText: /\w/ }).waitFor();
      await chat.getByRole("button", { name: "Stop" }).click();
      await answers().getByText("It was stopped; the text so far is kept.").waitFor();
      await picture("stopped");

      await workbench.type("And what comes next?");
      await workbench.press("Enter");
      await chat.locator('article.answer[aria-busy="false"]').nth(1).waitFor();
      await answers()
        .nth(1)
        .getByText(/tokens? in .* · prompt/)
        .waitFor();

      const kept = await chat.locator("article").allInnerTexts();
      await workbench.reload();
      chat = await workbench.openChat();
      await answers().nth(1).waitFor();
      assert.deepEqual(await chat.locator("article").allInnerTexts(), kept);
    },
  );
});
