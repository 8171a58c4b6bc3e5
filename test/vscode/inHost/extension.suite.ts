// The extension as VS Code sees it: activated, with all its commands, asking for nothing that it should not.
import assert from "node:assert/strict";
import { commands, extensions, type Tab, TabInputWebview, Uri, window, workspace } from "vscode";

const ID = "fathom.fathom";

describe("the packed extension", () => {
  it("is activated without waiting for a model", async () => {
    const extension = extensions.getExtension(ID)!;
    await extension.activate();
    assert.ok(extension.isActive);
    assert.ok(extension.extensionPath.includes("extensions"), "it is the installed package");
  });

  it("has registered every command of its manifest", async () => {
    const { contributes } = extensions.getExtension(ID)!.packageJSON;
    const registered = new Set(await commands.getCommands(true));
    const titles: { command: string }[] = contributes.commands;
    assert.ok(titles.length > 15);
    assert.deepEqual(
      titles.map(({ command }) => command).filter((command) => !registered.has(command)),
      [],
    );
  });

  it("has the settings of its manifest with their defaults", () => {
    const groups: { properties: Record<string, { default: unknown }> }[] =
      extensions.getExtension(ID)!.packageJSON.contributes.configuration;
    const settings = groups.flatMap(({ properties }) => Object.entries(properties));
    assert.ok(settings.length > 15);
    for (const [key, { default: value }] of settings) {
      assert.deepEqual(workspace.getConfiguration().inspect(key)?.defaultValue, value, key);
    }
  });

  it("opens the doctor's report as a page", async () => {
    const opened = new Promise<Tab>((resolve) => {
      window.tabGroups.onDidChangeTabs((event) => event.opened.forEach(resolve));
    });
    await commands.executeCommand("fathom.doctor");
    const { input } = await opened;
    assert.ok(input instanceof TabInputWebview && input.viewType.endsWith("markdown.preview"));
    let text = await doctorReport();
    assert.match(text, /engine process \d+/);
    // The model may not be loaded yet when it is asked for the first time.
    while (!/^ {2}- KV cache per token/m.test(text)) {
      await commands.executeCommand("fathom.doctor");
      text = await doctorReport();
    }
  });

  it("opens the log", async () => {
    await commands.executeCommand("fathom.showLog");
  });

  it("knows the language of a .fathomignore", async () => {
    const file = Uri.joinPath(workspace.workspaceFolders![0]!.uri, ".fathomignore");
    assert.equal((await workspace.openTextDocument(file)).languageId, "fathomignore");
  });
});

async function doctorReport(): Promise<string> {
  return (await workspace.openTextDocument(Uri.from({ scheme: "fathom-report", path: "/Fathom doctor.md" }))).getText();
}
