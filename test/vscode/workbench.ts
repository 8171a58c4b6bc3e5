// One window of VS Code as a user sees and drives it: palette, editors, ghost text, status bar, notifications, chat.
import type { BrowserContext, FrameLocator, Locator, Page } from "playwright-core";
import { watchConsole } from "./complaints.ts";

/** Milliseconds until something that should come counts as missing. */
const PATIENCE_MS = 30_000;
/** Milliseconds. A start takes 8 seconds, on a busy machine of two cores 20 and more. */
const START_PATIENCE_MS = 90_000;
/** Id that VS Code gives the status bar item, as a CSS selector. */
const STATUS_ITEM = '[id="fathom.fathom.fathom.status"]';
/** Words of VS Code's for what a reload ended, and its function that ends it; of the extension's own nothing passes. */
const CUT_OFF = /^(?![\s\S]*fathom\.fathom)[\s\S]*(?:\bCanceled\b|\.onBeforeUnload\b)/;
const QUICK_INPUT = ".quick-input-widget";

declare global {
  interface Window {
    /** Texts of Fathom's status bar item in the order in which they were there. */
    seenStatus: string[];
  }
}

/** Each method waits until what it says is on the screen. */
export class Workbench {
  readonly page: Page;
  /** Errors of the developer console so far. */
  readonly consoleErrors: string[];

  private constructor(page: Page) {
    this.page = page;
    this.consoleErrors = watchConsole(page);
  }

  /** Opens a window and waits until Fathom is in its status bar. */
  static async open(context: BrowserContext, address: string): Promise<Workbench> {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.addInitScript(recordStatus, STATUS_ITEM);
    const workbench = new Workbench(page);
    await page.goto(address);
    await workbench.#started();
    return workbench;
  }

  /** Loads the window anew, as after a restart of VS Code: extension host and language server are new ones. */
  async reload(): Promise<void> {
    const before = this.consoleErrors.length;
    await this.page.reload();
    // What VS Code had under way ends with the page, and it calls each an error.
    const since = this.consoleErrors.splice(before);
    this.consoleErrors.push(...since.filter((text) => !CUT_OFF.test(text)));
    await this.#started();
  }

  async close(): Promise<void> {
    await this.page.close();
  }

  // Status bar

  /** Fathom's item in the status bar. */
  get status(): Locator {
    return this.page.locator(STATUS_ITEM);
  }

  /** Waits until the item says this. @returns What it says. */
  async waitForStatus(text: RegExp): Promise<string> {
    await this.status.filter({ hasText: text }).waitFor();
    return unbroken(await this.status.innerText()).trim();
  }

  /** Waits until the demo model is there and nothing is being read. */
  async ready(): Promise<void> {
    await this.status.filter({ hasText: /Fathom \(demo\)$/ }).waitFor({ timeout: START_PATIENCE_MS });
  }

  /** Waits until the item says this or has said it since the window was loaded: what passes quickly is not missed. */
  async waitForPassing(text: RegExp): Promise<void> {
    const isSeen = (source: string) => window.seenStatus.some((seen) => new RegExp(source).test(seen));
    await this.page.waitForFunction(isSeen, text.source);
  }

  /** Waits for an outcome that is said in the status bar for a few seconds. */
  async said(text: RegExp): Promise<void> {
    await this.page.locator(".statusbar-item").filter({ hasText: text }).waitFor();
  }

  /** Waits for a line of the item's tooltip. @returns It. */
  async waitForFact(text: RegExp): Promise<string> {
    const fact = this.page.locator(".monaco-hover li").filter({ hasText: text }).first();
    // The tooltip is drawn anew while it is open, and closed when the mouse goes.
    await this.page.mouse.move(0, 0);
    await this.status.hover();
    await fact.waitFor();
    const line = unbroken(await fact.innerText()).trim();
    await this.page.mouse.move(0, 0);
    return line;
  }

  /** All that the item said since the window was loaded. */
  statusHistory(): Promise<string[]> {
    return this.page.evaluate(() => window.seenStatus);
  }

  // Commands and picks

  /** Runs a command by its title in the palette. */
  async run(title: string): Promise<void> {
    await this.page.keyboard.press("F1");
    await this.fillQuickInput(`>${title}`);
    await this.pick(title);
  }

  get quickRows(): Locator {
    return this.page.locator(`${QUICK_INPUT} .monaco-list-row`);
  }

  /** Writes into the quick pick or input box that is open. */
  async fillQuickInput(text: string): Promise<void> {
    const input = this.page.locator(`${QUICK_INPUT} input.input`).first();
    await input.waitFor();
    await input.fill(text);
  }

  /** Chooses the first row with this text, once it is there. */
  async pick(text: string | RegExp): Promise<void> {
    await this.quickRows.filter({ hasText: text }).first().click();
  }

  /** Answers the input box that is open. */
  async answer(text: string): Promise<void> {
    await this.fillQuickInput(text);
    await this.page.keyboard.press("Enter");
    await this.page.locator(QUICK_INPUT).waitFor({ state: "hidden" });
  }

  // Editors

  /** Opens a file of the workspace by its name. */
  async openFile(name: string): Promise<void> {
    await this.page.keyboard.press("Control+P");
    await this.fillQuickInput(name);
    await this.pick(name.split("/").at(-1) ?? name);
    await this.waitForEditor(name.split("/").at(-1) ?? name);
    await this.focusEditor();
  }

  /** Waits until the editor in front has this title. */
  async waitForEditor(title: string | RegExp): Promise<void> {
    await this.page.locator(".tab.active").filter({ hasText: title }).first().waitFor();
  }

  async focusEditor(): Promise<void> {
    await this.page.locator(".editor-instance .monaco-editor .view-lines").last().click();
  }

  /** Puts the cursor there; both count from 1. */
  async goTo(line: number, column: number): Promise<void> {
    await this.page.keyboard.press("Control+G");
    await this.fillQuickInput(`:${line}:${column}`);
    await this.page.keyboard.press("Enter");
    await this.page.locator(".statusbar-item", { hasText: `Ln ${line}, Col ${column}` }).waitFor();
  }

  /** Where the cursor stands, as the status bar says it. */
  async waitForCursor(line: number): Promise<void> {
    await this.page.locator("[id='status.editor.selection']", { hasText: new RegExp(`Ln ${line}, `) }).waitFor();
  }

  /** Types as a person does. */
  async type(text: string): Promise<void> {
    await this.page.keyboard.type(text);
  }

  async press(key: string): Promise<void> {
    await this.page.keyboard.press(key);
  }

  /** Saves the editor in front. */
  async save(): Promise<void> {
    await this.page.keyboard.press("Control+S");
    await this.page.locator(".tab.active.dirty").waitFor({ state: "detached" });
  }

  /** The lines that are in sight, without ghost text. */
  visibleText(): Promise<string> {
    return this.page.evaluate(readVisibleText);
  }

  /** Waits until this is all the text in sight. */
  async waitForText(text: string): Promise<void> {
    await this.#waitUntil(readVisibleText, (shown) => shown === text);
  }

  /** What is suggested in grey, all lines of it; empty if nothing is. */
  ghostText(): Promise<string> {
    return this.page.evaluate(readGhostText);
  }

  /**
   * Waits for ghost text.
   * @param text The one to wait for; default: any.
   * @returns It.
   */
  async waitForGhost(text?: string): Promise<string> {
    return this.#waitUntil(readGhostText, (shown) => (text === undefined ? shown !== "" : shown === text));
  }

  /** Waits until VS Code has written an extension's state to the browser's database, which it does a moment later. */
  async waitForStored(text: string): Promise<void> {
    await this.page.waitForFunction(async (wanted) => {
      const valuesOf = async (name: string) => {
        const request = indexedDB.open(name);
        const database = await new Promise<IDBDatabase>((done) => {
          request.onsuccess = () => done(request.result);
        });
        const all = database.transaction("ItemTable").objectStore("ItemTable").getAll();
        const values = await new Promise<unknown[]>((done) => {
          all.onsuccess = () => done(all.result);
        });
        database.close();
        return values;
      };
      // One for the global state and one for each workspace's.
      const names = (await indexedDB.databases()).flatMap(({ name }) => name ?? []);
      const all = await Promise.all(names.filter((name) => name.startsWith("vscode-web-state-db-")).map(valuesOf));
      return all.flat().some((value) => String(value).includes(wanted));
    }, text);
  }

  // Notifications

  /** A notification with this text. */
  notification(text: string | RegExp): Locator {
    return this.page.locator(".notification-toast .notification-list-item", { hasText: text });
  }

  /** Presses a button of the notification with this text. */
  async answerNotification(text: string | RegExp, buttonTitle: string): Promise<void> {
    await this.notification(text).locator(".monaco-button", { hasText: buttonTitle }).click();
  }

  /** The dialog that must be answered before anything else. */
  get dialog(): Locator {
    return this.page.locator(".monaco-dialog-box");
  }

  // Webviews

  /** The page of a webview by something that is in it. */
  get webview(): FrameLocator {
    return this.page.frameLocator("iframe.webview.ready").frameLocator("iframe#active-frame");
  }

  /** Opens the chat and waits until it can be asked. */
  async openChat(): Promise<FrameLocator> {
    await this.run("Fathom: Ask about This Codebase");
    // The cursor stands in the question, so that one can type at once; until then keys would be lost.
    await this.webview.locator("textarea:focus").waitFor();
    return this.webview;
  }

  /** Reads something of the page after each of its changes until it is as wanted; at the end says what it was instead. */
  async #waitUntil(read: () => string, isWanted: (shown: string) => boolean): Promise<string> {
    let shown = await this.page.evaluate(read);
    const end = Date.now() + PATIENCE_MS;
    while (!isWanted(shown)) {
      if (Date.now() > end) throw new Error(`This is in sight instead:\n${shown}`);
      await this.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
      shown = await this.page.evaluate(read);
    }
    return shown;
  }

  async #started(): Promise<void> {
    await this.status.waitFor({ timeout: START_PATIENCE_MS });
  }
}

/** The workbench draws spaces that do not break. */
function unbroken(text: string): string {
  return text.replaceAll("\u00a0", " ");
}

/** Runs in the page. */
function readVisibleText(): string {
  const lines = [...document.querySelectorAll<HTMLElement>(".editor-instance .view-lines .view-line")]
    .filter((line) => line.closest(".suggest-preview-text") === null)
    .toSorted((a, b) => Number.parseInt(a.style.top, 10) - Number.parseInt(b.style.top, 10))
    .map((line) => {
      const copy = line.cloneNode(true) as HTMLElement;
      for (const ghost of copy.querySelectorAll(".ghost-text-decoration")) ghost.remove();
      return copy.textContent ?? "";
    });
  return lines.join("\n").replaceAll("\u00a0", " ");
}

/** Runs in the page. The first line stands in the text, cut where colours change; further lines have a box of their own. */
function readGhostText(): string {
  const textOf = (parent: ParentNode, selector: string) =>
    [...parent.querySelectorAll(selector)].map((part) => part.textContent ?? "");
  const first = textOf(document, ".view-lines .ghost-text-decoration").join("");
  const further = [...document.querySelectorAll(".suggest-preview-text")].flatMap((box) => textOf(box, ".view-line"));
  const lines = first === "" && further.length === 0 ? [] : [first, ...further];
  return lines.join("\n").replaceAll("\u00a0", " ");
}

/** Runs in the page before anything else. */
function recordStatus(selector: string): void {
  window.seenStatus = [];
  const look = () => {
    const text = document.querySelector(selector)?.textContent?.replaceAll("\u00a0", " ").trim();
    if (text !== undefined && text !== window.seenStatus.at(-1)) window.seenStatus.push(text);
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
}
