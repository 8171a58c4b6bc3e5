// Which model runs: chooses it, loads it with the best plan that works, and brings it back after a crash.
import { EngineError, type Hardware, type LoadedModel } from "../../engine/src/api.ts";
import type { EngineCrash, EngineHost } from "./engineHost.ts";
import { familyOfModel } from "./models/fimFamilies.ts";
import { type FitPlan, planFits } from "./models/fit.ts";
import type { InstalledModel, ModelLibrary } from "./models/library.ts";
import { FathomErrorCodes } from "./protocol/errors.ts";
import { DEMO_NOTICE } from "./protocol/messages.ts";
import type { FathomSettings } from "./protocol/settings.ts";
import { RequestError } from "./requests.ts";
import type { SettingsStore } from "./settingsStore.ts";
import type { StatusBoard } from "./statusBoard.ts";

/** The model that runs, and where it came from. */
export interface ActiveModel {
  info: LoadedModel;
  installed: InstalledModel;
  plan: FitPlan;
  /** The machine as it was before the model took its memory. */
  hardware: Hardware;
}

/** What the session needs of the parts around it. */
export interface ModelSessionParts {
  engine: Pick<EngineHost, "unload" | "inspect" | "hardware" | "load" | "restart">;
  library: Pick<ModelLibrary, "selected">;
  settings: Pick<SettingsStore, "current">;
  status: Pick<StatusBoard, "current" | "update">;
}

export class ModelSession {
  /** Called each time a model is ready. */
  onLoaded: () => void = () => {};
  readonly #engine: ModelSessionParts["engine"];
  readonly #library: ModelSessionParts["library"];
  readonly #settings: ModelSessionParts["settings"];
  readonly #status: ModelSessionParts["status"];
  #trusted = false;
  #loading: Promise<ActiveModel | undefined> = Promise.resolve(undefined);
  #active: ActiveModel | undefined;
  /** Set between a crash and the reload that follows: hands the reload to those who wait for a model. */
  #handOver: ((loading: Promise<ActiveModel | undefined>) => void) | undefined;
  /** Plans that failed are not tried again with the same model. */
  #failedPlans = { file: "", count: 0 };

  constructor(parts: ModelSessionParts) {
    this.#engine = parts.engine;
    this.#library = parts.library;
    this.#settings = parts.settings;
    this.#status = parts.status;
  }

  /** The model if one is ready now. */
  get active(): ActiveModel | undefined {
    return this.#active;
  }

  get trusted(): boolean {
    return this.#trusted;
  }

  /** @throws RequestError untrusted. */
  assertTrusted(): void {
    if (this.#trusted) return;
    throw new RequestError(FathomErrorCodes.untrusted, "This workspace is not trusted, so Fathom does not read it.");
  }

  async start(trusted: boolean): Promise<void> {
    this.#trusted = trusted;
    if (trusted) await this.reload();
    else this.#status.update({ state: "untrusted", message: "Fathom waits until this workspace is trusted." });
  }

  /**
   * The model, waiting for a load that is on its way.
   * @throws RequestError untrusted or noModel, EngineError why the load failed.
   */
  async require(): Promise<ActiveModel> {
    this.assertTrusted();
    const active = this.#active ?? (await this.#loading);
    if (active !== undefined) return active;
    throw new RequestError(FathomErrorCodes.noModel, "No model is set. Choose or download one with Get Model….");
  }

  /** Notice to show with this model's output, if any. */
  get notice(): string | undefined {
    return this.#active?.installed.demo ? DEMO_NOTICE : undefined;
  }

  /** Loads the chosen model anew. Failures are in the status; `require` throws them. */
  async reload(): Promise<void> {
    if (!this.#trusted) return;
    // After a crash `#loading` waits for this very reload; otherwise an earlier load is let finish first.
    const before = this.#handOver === undefined ? this.#loading : Promise.resolve();
    this.#active = undefined;
    const loading = before.then(
      () => this.#load(),
      () => this.#load(),
    );
    this.#handOver?.(loading);
    this.#handOver = undefined;
    this.#loading = loading;
    try {
      const active = await loading;
      if (active !== undefined && this.#loading === loading) this.onLoaded();
    } catch (error) {
      if (this.#loading !== loading) return;
      const message = error instanceof Error ? error.message : String(error);
      // A crash while loading has its own status and its own next step.
      if (!(error instanceof EngineError && error.code === "engineStopped")) {
        this.#status.update({ state: "failed", message, model: undefined });
      }
    }
  }

  /** The next load begins with the best plan again: the user changed something or asked for a fresh start. */
  forgetFailures(): void {
    this.#failedPlans = { file: "", count: 0 };
  }

  settingsChanged(before: FathomSettings, now: FathomSettings): void {
    const relevant = (settings: FathomSettings) =>
      JSON.stringify([settings.model, settings.context.maxTokens, settings.context.kvType]);
    if (relevant(before) === relevant(now)) return;
    this.forgetFailures();
    void this.reload();
  }

  /** Says what happened; after too many crashes at one stage, goes on with the next smaller plan if there is one. */
  crashed(crash: EngineCrash): void {
    this.#active = undefined;
    this.#status.update({ base: undefined, overlay: undefined, reading: undefined });
    const engineRestarts = this.#status.current.engineRestarts + 1;
    const what = `The engine ended unexpectedly (${crash.reason})`;
    const smallerPlan = ["load", "prefill"].includes(crash.stage) && this.#failedPlans.count < MAX_SAFER_PLANS;
    if (crash.restartInMs === undefined && !smallerPlan) {
      const message = `${what} ${crash.inARow} times in a row and stays off. Restart it with Restart Engine, or see the log.`;
      this.#loading = Promise.reject(new EngineError("engineStopped", message));
      // Whoever asks next is told; nobody may be asking now.
      this.#loading.catch(() => undefined);
      this.#status.update({ state: "failed", message, engineRestarts });
      return;
    }
    this.#loading = new Promise((resolve) => {
      this.#handOver = resolve;
    });
    // Fails with the reload that it is handed, which tells the status; nobody may be waiting here.
    this.#loading.catch(() => undefined);
    const next = crash.restartInMs === undefined ? "a smaller plan is tried" : "it is being restarted";
    this.#status.update({ state: "restarting", message: `${what}; ${next}.`, engineRestarts });
    if (crash.restartInMs !== undefined) return;
    this.#failedPlans.count += 1;
    void this.#engine.restart().then(() => this.reload());
  }

  async #load(): Promise<ActiveModel | undefined> {
    const { model, context } = this.#settings.current;
    const installed = await this.#library.selected(model.path);
    if (installed === undefined) {
      this.#status.update({
        state: "noModel",
        message: "No model is set. Choose or download one with Get Model….",
        model: undefined,
      });
      return undefined;
    }
    // Whatever the engine had read is gone with the old model or process.
    this.#status.update({ state: "loading", message: `Loading ${installed.title}.`, ...NOTHING_HELD });
    await this.#engine.unload();
    const facts = await this.#engine.inspect(installed.file);
    const hardware = await this.#engine.hardware({ gpu: model.gpu });
    const plans = planFits(facts, hardware, { ...context, gpu: model.gpu });
    const mmprojFile = model.mmproj === "" ? installed.mmproj : model.mmproj;
    const active = { ...(await this.#loadBestPlan(installed, plans, mmprojFile)), hardware };
    this.#active = active;
    this.#status.update({
      state: "ready",
      message: readyMessage(active, plans),
      model: {
        name: installed.title,
        file: installed.file,
        demo: installed.demo,
        contextTokens: active.info.contextTokens,
        kvType: active.info.kvType,
        gpu: active.info.gpu,
        canFillInMiddle: familyOfModel(active.info) !== undefined,
        canSeeImages: active.info.canSeeImages,
      },
    });
    return active;
  }

  async #loadBestPlan(installed: InstalledModel, plans: FitPlan[], mmprojFile?: string) {
    if (this.#failedPlans.file !== installed.file) this.#failedPlans = { file: installed.file, count: 0 };
    // The smallest plan is always tried: it may be all that there is.
    const first = Math.min(this.#failedPlans.count, plans.length - 1);
    for (const [offset, plan] of plans.slice(first).entries()) {
      try {
        const { contextTokens, completionContextTokens, kvType, gpu, checkpointBytes } = plan;
        const info = await this.#engine.load(
          {
            modelFile: installed.file,
            mmprojFile,
            contextTokens,
            completionContextTokens,
            kvType,
            gpu,
            checkpointBytes,
            saveEveryTokens: SAVE_EVERY_TOKENS,
          },
          { onProgress: (share) => this.#reportLoading(installed, share) },
        );
        return { info, installed, plan };
      } catch (error) {
        const isLast = first + offset === plans.length - 1;
        if (isLast || !(error instanceof EngineError) || error.code !== "outOfMemory") throw error;
        this.#failedPlans.count = first + offset + 1;
      }
    }
    throw new EngineError("outOfMemory", `No plan to load ${installed.title} fits this machine.`);
  }

  #reportLoading(installed: InstalledModel, share: number): void {
    this.#status.update({ state: "loading", message: `Loading ${installed.title}: ${Math.floor(share * 100)} %.` });
  }
}

/** Of a model that is just being loaded. */
const NOTHING_HELD = { base: undefined, overlay: undefined };

/**
 * Tests that kill processes have a half-read base saved after so many tokens, because they cannot wait for the time after
 * which saving pays. Not set: the engine decides.
 */
const SAVE_EVERY_TOKENS = Number(process.env.FATHOM_SAVE_EVERY_TOKENS) || undefined;

/** Crashes while loading or reading end in a smaller plan this often, then the engine stays off. */
const MAX_SAFER_PLANS = 3;

function readyMessage({ plan, installed }: ActiveModel, plans: FitPlan[]): string {
  const notice = installed.demo ? ` ${DEMO_NOTICE}` : "";
  if (plan === plans[0]) return `${installed.title} is ready.${notice}`;
  return `${installed.title} is ready with a smaller plan, because the larger one did not fit: ${plan.sentence}${notice}`;
}
