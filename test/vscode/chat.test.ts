// The chat in the side bar: asking, watching the answer come, stopping it, coming back to it.
import assert from "node:assert/strict";
import { journey } from "./journey.ts";

describe("chat", () => {
  journey("answers, can be stopped, and is there after a restart", async ({ workbench, server, picture }) => {
    await workbench.ready();
    let chat = await workbench.openChat();
    const answer = (index: number) => chat.getByRole("article", { name: "Answer" }).nth(index);
    const isBusy = (busy: boolean) => chat.locator(`article.answer[aria-busy="${busy}"]`);
    const figures = /tokens? in .* · prompt/;

    let goOn = server.holdEngine();
    await workbench.type("Where is the header parsed?");
    await workbench.press("Enter");
    // Where to look needs no model, so it is there before the answer.
    await answer(0).getByText("src/parser.ts").first().waitFor();
    assert.equal(await isBusy(true).count(), 1);
    await picture("places");
    goOn();
    await answer(0).getByText(figures).waitFor();

    goOn = server.holdEngine();
    await workbench.type("And what comes next?");
    await workbench.press("Enter");
    await chat.getByRole("button", { name: "Stop" }).click();
    // What is asked of the server now and answered was asked after the end: the engine finds that waiting for it.
    await workbench.run("Fathom: Search Codebase…");
    await workbench.fillQuickInput("parseHeader");
    await workbench.quickRows.filter({ hasText: "parser.ts" }).first().waitFor();
    await workbench.press("Escape");
    goOn();
    await answer(1).getByText("It was stopped; the text so far is kept.").waitFor();
    assert.equal(await isBusy(false).count(), 2);
    await picture("stopped");

    await workbench.waitForStored("It was stopped");
    const kept = await chat.locator("article").allInnerTexts();
    await workbench.reload();
    chat = await workbench.openChat();
    await answer(1).waitFor();
    assert.deepEqual(await chat.locator("article").allInnerTexts(), kept);
  });
});
