// An index for tests of what the workspace tells it: finds files by whole words, without a thread, chunks or ranking.
import { readTextFile } from "../../server/src/codebase/readText.ts";
import type { WorkspaceIndex } from "../../server/src/codebase/workspace.ts";
import type { LeftOut } from "../../server/src/codebase/workspaceFile.ts";
import type { IndexedText } from "../../server/src/index/codeIndex.ts";
import type { IndexSource, SearchCall } from "../../server/src/index/indexMessages.ts";
import type { Place } from "../../server/src/protocol/messages.ts";
import { fileUri } from "../../server/src/uris.ts";

export class FakeIndex implements WorkspaceIndex {
  failure: string | undefined;
  /** What every collection answers. */
  leftOut: LeftOut[] = [];
  readonly searches: SearchCall[] = [];
  readonly #texts = new Map<string, { uri: string; text: string }>();
  #collecting: Promise<unknown> = Promise.resolve();

  async collect(source: () => IndexSource): Promise<LeftOut[]> {
    this.#collecting = this.#read(source());
    await this.#collecting;
    return this.leftOut;
  }

  put(texts: readonly IndexedText[]): void {
    for (const { path, uri, text } of texts) this.#texts.set(path, { uri, text });
  }

  remove(paths: readonly string[]): void {
    for (const path of paths) this.#texts.delete(path);
  }

  /** Resolves once the files of the last collection are read. */
  async settled(): Promise<void> {
    await this.#collecting;
  }

  async search(call: SearchCall): Promise<Place[]> {
    this.searches.push(call);
    await this.#collecting;
    if (this.failure !== undefined) throw new Error(this.failure);
    const wanted = call.query.split(/\W+/);
    const found = [...this.#texts].filter(([, { text }]) => text.split(/\W+/).some((word) => wanted.includes(word)));
    return found.map(([path, { uri }]) => ({ path, uri, startLine: 0, endLine: 0, reason: "word", preview: "" }));
  }

  async symbols(): Promise<[]> {
    return [];
  }

  /** What is there already is newer than what is on disk. */
  async #read({ files, texts }: IndexSource): Promise<void> {
    for (const file of files) {
      const read = texts.has(file.path) ? { text: texts.get(file.path)! } : await readTextFile(file);
      if (this.#texts.has(file.path) || read === undefined || "skipped" in read) continue;
      this.#texts.set(file.path, { uri: fileUri(file.absolutePath), text: read.text });
    }
  }
}
