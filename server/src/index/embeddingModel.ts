// The embedding model that the setting names: looked at, given to the index, asked for vectors, and given up when it does harm.
import { basename, isAbsolute } from "node:path";
import { type EmbeddingModelFacts, type Engine, EngineError } from "../../../engine/src/api.ts";
import type { FathomSettings } from "../protocol/settings.ts";
import type { SettingsStore } from "../settingsStore.ts";
import type { EmbedTexts } from "./indexMessages.ts";
import type { IndexService } from "./indexService.ts";

/**
 * So many ends of the engine in a row while vectors were made are blamed on the embedding model. One less than what leaves
 * the engine off: chat and completion must not go down with it.
 */
const MAX_ENGINE_ENDS = 2;

export interface EmbeddingModelParts {
  engine: Pick<Engine, "inspectEmbedding" | "embed" | "releaseEmbedding">;
  settings: Pick<SettingsStore, "current">;
  index: Pick<IndexService, "embedWith" | "embedBundled">;
  /** Hears sentences for people. */
  tell: (sentence: string) => void;
}

export class EmbeddingModel {
  readonly #parts: EmbeddingModelParts;
  #facts: EmbeddingModelFacts | undefined;
  /** Counts choices: what an older one finds out is of no interest. */
  #choices = 0;
  #engineEnds = 0;

  constructor(parts: EmbeddingModelParts) {
    this.#parts = parts;
  }

  /** The model whose vectors the index has or makes; undefined: the bundled embedder's. */
  get facts(): EmbeddingModelFacts | undefined {
    return this.#facts;
  }

  /** Takes the model that the setting names, from its beginning: earlier failures are forgotten. Never rejects. */
  async choose(): Promise<void> {
    this.#engineEnds = 0;
    await this.#choose();
  }

  settingsChanged(before: FathomSettings, now: FathomSettings): void {
    if (before.search.embeddingModel !== now.search.embeddingModel) void this.choose();
  }

  /** The new process loads the file anew, as it is now: it is looked at again, unless it was given up. */
  engineRestarted(): void {
    const isWaiting = this.#engineEnds > 0 && this.#engineEnds < MAX_ENGINE_ENDS;
    if (this.#facts !== undefined || isWaiting) void this.#choose();
  }

  /** @throws Error with a sentence when there are no vectors now; the signal's reason when aborted. */
  async embed({ texts, role }: EmbedTexts, signal: AbortSignal): Promise<Float32Array[]> {
    const { engine, settings } = this.#parts;
    const facts = this.#facts;
    if (facts === undefined) throw new Error("no embedding model is in use");
    const { gpu } = settings.current.model;
    try {
      const { identity, vectors } = await engine.embed({ modelFile: facts.file, role, texts, gpu }, { signal });
      signal.throwIfAborted();
      if (identity !== facts.identity) {
        void this.#choose();
        throw new Error(`the file ${facts.file} holds another model than before`);
      }
      this.#engineEnds = 0;
      return vectors;
    } catch (error) {
      if (facts === this.#facts && error instanceof EngineError && !signal.aborted) this.#failed(error);
      throw error;
    }
  }

  async #choose(): Promise<void> {
    const { engine, settings, index } = this.#parts;
    const choice = ++this.#choices;
    const file = settings.current.search.embeddingModel;
    const isNewest = () => choice === this.#choices;
    if (file === "") {
      const hadOne = this.#facts !== undefined;
      this.#facts = undefined;
      index.embedBundled();
      // Of an engine that has ended there is nothing to free.
      if (hadOne) await engine.releaseEmbedding().catch(() => undefined);
      return;
    }
    try {
      if (!isAbsolute(file)) throw new EngineError("modelMissing", `The path ${file} is not absolute.`);
      const facts = await engine.inspectEmbedding(file);
      if (!isNewest()) return;
      this.#facts = facts;
      const { identity, dimensions, name } = facts;
      index.embedWith({ identity, dimensions, name });
    } catch (error) {
      if (isNewest()) this.#failed(error);
    }
  }

  /** An engine that ended is tried again, for a while; anything else stays as it is. */
  #failed(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof EngineError && error.code === "engineStopped") {
      this.#engineEnds += 1;
      if (this.#engineEnds < MAX_ENGINE_ENDS) return;
      this.#giveUp(`The engine ended ${this.#engineEnds} times while the embedding model was in use.`);
    } else this.#giveUp(reason);
  }

  #giveUp(reason: string): void {
    const { settings, index, tell } = this.#parts;
    const model = this.#facts?.name ?? basename(settings.current.search.embeddingModel);
    this.#facts = undefined;
    const problem = `${reason} Search uses the bundled embedder until the setting search.embeddingModel changes.`;
    index.embedBundled({ model, problem });
    tell(problem);
  }
}
