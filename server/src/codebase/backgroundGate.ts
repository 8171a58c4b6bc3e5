// Holds reading and compaction while they would disturb: the user paused them, the computer runs on battery, or someone types and there is no GPU.
import type { Connection } from "vscode-languageserver/node";
import type { Engine } from "../../../engine/src/api.ts";
import type { ModelSession } from "../modelSession.ts";
import { type HoldReason, PauseReadingRequest } from "../protocol/messages.ts";
import { handle } from "../requests.ts";
import type { SettingsStore } from "../settingsStore.ts";
import type { StatusBoard } from "../statusBoard.ts";
import type { Clock } from "./clock.ts";

/** A pause in typing this long lets reading go on, milliseconds: shorter ones are part of typing. */
export const TYPING_MS = 2000;
/** How often the battery is asked about while something is read, milliseconds: asking starts a program on some systems. */
export const BATTERY_POLL_MS = 60_000;
/** What the engine says of a model without a graphics card. */
const CPU_ONLY = "CPU";

export interface BackgroundGateOptions {
  engine: Pick<Engine, "holdBackground">;
  session: Pick<ModelSession, "active">;
  settings: Pick<SettingsStore, "current">;
  status: Pick<StatusBoard, "current" | "update">;
  onBattery: () => Promise<boolean>;
  clock: Clock;
}

export class BackgroundGate {
  readonly #options: BackgroundGateOptions;
  #paused = false;
  #battery = false;
  #typing = false;
  #endTyping: (() => void) | undefined;
  /** Readings on their way; true for those that the user asked for. */
  readonly #readings = new Map<symbol, boolean>();
  #stopPolling: (() => void) | undefined;
  /** What the engine was told last, if anything. */
  #told: boolean | undefined;
  #telling: Promise<void> = Promise.resolve();

  constructor(options: BackgroundGateOptions) {
    this.#options = options;
  }

  register(connection: Connection): void {
    handle(connection, PauseReadingRequest.type, async ({ paused }) => {
      this.pause(paused === true);
      await this.#telling;
      return this.#options.status.current;
    });
  }

  /** Why reading waits now; undefined: it does not. */
  get hold(): HoldReason | undefined {
    if (this.#paused) return "user";
    // Who asks for a reading knows what the computer runs on.
    const asked = [...this.#readings.values()].includes(true);
    if (this.#battery && !asked) return "battery";
    return this.#typing && this.#options.session.active?.info.gpu === CPU_ONLY ? "typing" : undefined;
  }

  pause(paused: boolean): void {
    this.#paused = paused;
    this.#apply();
  }

  /** A document changed. */
  typed(): void {
    const { clock } = this.#options;
    this.#endTyping?.();
    this.#endTyping = clock.after(TYPING_MS, () => {
      this.#typing = false;
      this.#apply();
    });
    this.#typing = true;
    this.#apply();
  }

  /** A new engine process, or a new model, has not heard anything yet. */
  modelLoaded(): void {
    this.#told = undefined;
    this.#apply();
  }

  settingsChanged(): void {
    void this.#askBattery();
  }

  /**
   * A reading begins.
   * @param asked The user asked for it: it goes on although the computer runs on battery.
   * @returns To be called when it ends.
   */
  enter(asked: boolean): () => void {
    const key = Symbol("reading");
    this.#readings.set(key, asked);
    if (this.#stopPolling === undefined) this.#poll();
    this.#apply();
    return () => {
      this.#readings.delete(key);
      if (this.#readings.size === 0) {
        this.#stopPolling?.();
        this.#stopPolling = undefined;
        // The next reading asks again; until then there is nothing that waits.
        this.#battery = false;
      }
      this.#apply();
    };
  }

  /** Whether work that nobody waits for may begin now. */
  async mayStart(): Promise<boolean> {
    if (this.hold !== undefined) return false;
    return !(await this.#runsOnBattery());
  }

  dispose(): void {
    this.#endTyping?.();
    this.#stopPolling?.();
  }

  #poll(): void {
    void this.#askBattery();
    this.#stopPolling = this.#options.clock.after(BATTERY_POLL_MS, () => this.#poll());
  }

  async #askBattery(): Promise<void> {
    const battery = await this.#runsOnBattery();
    this.#battery = battery && this.#readings.size > 0;
    this.#apply();
  }

  async #runsOnBattery(): Promise<boolean> {
    const { settings, onBattery } = this.#options;
    return settings.current.context.pauseOnBattery && (await onBattery());
  }

  #apply(): void {
    const { status, session, engine } = this.#options;
    const { hold } = this;
    // A pause is shown always: somebody must end it. Other reasons matter only to what waits for them.
    const shown = hold === "user" || this.#readings.size > 0 ? hold : undefined;
    if (status.current.hold !== shown) status.update({ hold: shown });
    // Without a model there is nothing to hold, and asking would start the engine.
    if (session.active === undefined) return;
    const held = hold !== undefined;
    if (held === (this.#told ?? false)) return;
    this.#told = held;
    this.#telling = engine.holdBackground(held).catch(() => {
      // The engine stopped; it is told when it is up again.
      this.#told = undefined;
    });
  }
}
