// Chooses what of the changes since the base was read follows it in a question, and in which form.
import { EngineError, type PromptPart } from "../../../engine/src/api.ts";
import type { Documents } from "../documents.ts";
import { Changes, type ChangesOptions } from "./changes.ts";
import { MANY_FILES } from "./difference.ts";
import { type Change, type Differ, type EntryForm, entriesOf, namedText, unifiedDiff } from "./overlayText.ts";
import { textHash } from "./readText.ts";
import type { BaseFile } from "./workspaceFile.ts";

/** Begins every entry; one token by definition. */
const SEPARATOR: PromptPart = { special: "<|file_sep|>" };
const SEPARATOR_TOKENS = 1;
/** Kept free for naming what has no room, where that is needed: at most this, and at most this share of the room, tokens. */
const NAMED_TOKENS = 400;
const NAMED_SHARE = 0.25;
/** Files named at most; the rest is counted. */
const MAX_NAMED = 40;

export interface OverlayEntry {
  path: string;
  kind: EntryForm["kind"];
  /** Earlier path of a renamed file. */
  from?: string;
  /** With its separator. */
  tokens: number;
}

export interface OverlayParts {
  /** Oldest change first. */
  parts: PromptPart[];
  /** In the order of the parts. */
  entries: OverlayEntry[];
  /** Of all parts. */
  tokens: number;
  /** Changed files whose newest text is not shown, because there are too many or the room is too small. */
  onlyNamed: number;
  /** `layoutHash` of the base that they follow; undefined without one. */
  base: string | undefined;
  /** So many files changed that it is another branch: of them only the open ones are shown, the others are named. */
  tooMany: boolean;
}

export interface OverlayOptions {
  workspace: ChangesOptions["workspace"];
  /** Number of tokens of each text, counted apart. */
  countTokens: (texts: string[]) => Promise<number[]>;
}

export interface ServingBase extends Omit<ChangesOptions, "workspace"> {
  /** The engine's name for it. */
  layoutHash: string;
}

/** An entry in its shortest form. */
interface Chosen extends OverlayEntry {
  text: string;
}

export class Overlay {
  readonly #options: OverlayOptions;
  /** Undefined until there is a base to compare with. */
  #since: Changes | undefined;
  #layoutHash: string | undefined;
  /** Called when another base serves. */
  #onReplaced: (() => void)[] = [];
  /** Changed files whose newest text was in the last parts. */
  #shown: ReadonlySet<string> = new Set();
  /** Of the last parts only, which bounds them: token counts by text hash, differences by both texts' hashes. */
  #counts = new Map<string, number>();
  #diffs = new Map<string, string | undefined>();
  /** One question at a time compares. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: OverlayOptions) {
    this.#options = options;
  }

  /** True if the model has the newest text of this file, in the base or behind it, as of the last {@link parts}. */
  isInBase(path: string): boolean {
    return this.#since?.has(path) ? this.#shown.has(path) : this.#since?.base.get(path)?.form === "whole";
  }

  /** Another base serves from now on. */
  reset({ layoutHash, ...base }: ServingBase): void {
    this.#since?.end();
    this.#since = new Changes({ workspace: this.#options.workspace, ...base });
    this.#layoutHash = layoutHash;
    this.#shown = new Set();
    for (const replaced of this.#onReplaced.splice(0)) replaced();
  }

  /**
   * Asks the engine with what follows the base; again if another base began to serve after that was put together.
   * @param roomTokens Tells the room for the parts.
   * @param ask Sends the parts with their `base`.
   * @throws What `ask` throws, and what counting tokens throws.
   */
  async follow<T>(
    documents: Pick<Documents, "all">,
    roomTokens: () => number,
    ask: (parts: OverlayParts) => Promise<T>,
  ): Promise<T> {
    for (;;) {
      const parts = await this.parts(documents, roomTokens());
      try {
        return await ask(parts);
      } catch (error) {
        if (!(error instanceof EngineError && error.code === "baseReplaced")) throw error;
        // The engine knows first; whoever has it read tells here, at the latest when the reading has ended.
        if (this.#layoutHash === parts.base) await new Promise<void>((resolve) => this.#onReplaced.push(resolve));
      }
    }
  }

  /**
   * Compares open documents and what changed on disk with the base. The same state gives the same parts, and undoing all
   * changes gives none. Reads no file again that did not change since the last time.
   * @param documents The open ones; those outside the workspace do not count.
   * @param roomTokens Most tokens of all parts together; what changed last gets room first.
   * @throws What counting tokens throws.
   */
  parts(documents: Pick<Documents, "all">, roomTokens: number): Promise<OverlayParts> {
    const work = () => this.#parts(documents, roomTokens);
    const parts = this.#last.then(work, work);
    this.#last = parts.catch(() => undefined);
    return parts;
  }

  async #parts(documents: Pick<Documents, "all">, roomTokens: number): Promise<OverlayParts> {
    const since = this.#since;
    const base = this.#layoutHash;
    if (since === undefined) return { parts: [], entries: [], tokens: 0, onlyNamed: 0, base, tooMany: false };
    const { changes, unseen } = await since.find(documents);
    const tooMany = changes.length + unseen.length >= MANY_FILES;
    // Another branch gets a base of its own; until it has, only what someone works on is worth its tokens.
    const open = new Set(documents.all().map(({ uri }) => this.#options.workspace.fileOf(uri)?.path));
    const worthy = tooMany ? changes.filter(({ path }) => open.has(path)) : changes;
    const aside = [...unseen, ...changes.filter((change) => !worthy.includes(change)).map(({ path }) => path)];
    const { shown, hidden } = fitIntoRoom(await this.#choose(worthy, since.base), aside.length > 0, roomTokens);
    const parts: PromptPart[] = [];
    const named = await this.#named(hidden, aside, roomTokens - sumOf(shown));
    if (named !== undefined) parts.push(SEPARATOR, { text: named.text });
    for (const { text } of shown) parts.push(SEPARATOR, { text });
    // Another base serves by now, and what was found is no answer any more.
    if (this.#since !== since) return this.#parts(documents, roomTokens);
    this.#shown = new Set(shown.filter((entry) => showsText(entry, since.base)).map(({ path }) => path));
    return {
      parts,
      entries: shown.map(({ text: _, ...entry }) => entry),
      tokens: sumOf(shown) + (named?.tokens ?? 0),
      onlyNamed: hidden.length + aside.length,
      base,
      tooMany,
    };
  }

  /** The shortest form of each entry. */
  async #choose(changes: readonly Change[], base: ReadonlyMap<string, BaseFile>): Promise<Chosen[]> {
    const diffs = new Map<string, string | undefined>();
    const differ: Differ = (before, after) => {
      const key = `${before.hash} ${after.hash}`;
      if (!diffs.has(key)) {
        diffs.set(key, this.#diffs.has(key) ? this.#diffs.get(key) : unifiedDiff(before.text, after.text));
      }
      return diffs.get(key);
    };
    const entries = entriesOf(changes, base, differ);
    this.#diffs = diffs;
    const counts = await this.#count(entries.flatMap(({ forms }) => forms.map(({ text }) => text)));
    return entries.map(({ path, from, forms }) => {
      const sized = forms.map((form) => ({ ...form, tokens: SEPARATOR_TOKENS + (counts.get(form.text) ?? 0) }));
      const { kind, text, tokens } = sized.reduce((best, form) => (form.tokens < best.tokens ? form : best));
      return { path, ...(from === undefined ? {} : { from }), kind, tokens, text };
    });
  }

  /** @returns Tokens by text. */
  async #count(texts: readonly string[]): Promise<Map<string, number>> {
    const keys = texts.map(textHash);
    const missing = texts.filter((_, index) => !this.#counts.has(keys[index]!));
    const counted = missing.length === 0 ? [] : await this.#options.countTokens([...missing]);
    const fresh = new Map(missing.map((text, index) => [textHash(text), counted[index] ?? 0]));
    this.#counts = new Map(keys.map((key) => [key, fresh.get(key) ?? this.#counts.get(key) ?? 0]));
    return new Map(texts.map((text, index) => [text, this.#counts.get(keys[index]!) ?? 0]));
  }

  /** Names as many files as there is room for, so that nothing is dropped in silence. */
  async #named(
    hidden: readonly Chosen[],
    aside: readonly string[],
    roomTokens: number,
  ): Promise<{ text: string; tokens: number } | undefined> {
    const renamedFrom = hidden.flatMap(({ from }) => from ?? []);
    const paths = [...hidden.map(({ path }) => path), ...renamedFrom, ...aside].sort();
    if (paths.length === 0) return undefined;
    for (let most = Math.min(MAX_NAMED, paths.length); ; most = Math.floor(most / 2)) {
      const text = namedText(paths, most);
      const [count = 0] = await this.#options.countTokens([text]);
      const tokens = SEPARATOR_TOKENS + count;
      if (tokens <= roomTokens) return { text, tokens };
      if (most === 0) return undefined;
    }
  }
}

/** True if the entry leaves the model with the whole newest text. */
function showsText({ kind, from }: OverlayEntry, base: ReadonlyMap<string, BaseFile>): boolean {
  if (kind === "renamed") return from !== undefined && base.get(from)?.form === "whole";
  return kind !== "deleted";
}

/** What changed last gets room first. */
function fitIntoRoom(chosen: readonly Chosen[], somethingIsNamed: boolean, roomTokens: number) {
  const allFit = !somethingIsNamed && sumOf(chosen) <= roomTokens;
  let left = allFit ? roomTokens : roomTokens - Math.min(NAMED_TOKENS, roomTokens * NAMED_SHARE);
  const shown: Chosen[] = [];
  const hidden: Chosen[] = [];
  for (const entry of chosen.toReversed()) {
    const fits = entry.tokens <= left;
    if (fits) left -= entry.tokens;
    (fits ? shown : hidden).push(entry);
  }
  return { shown: shown.reverse(), hidden };
}

function sumOf(entries: readonly { tokens: number }[]): number {
  return entries.reduce((sum, { tokens }) => sum + tokens, 0);
}
