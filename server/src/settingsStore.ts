// Holds the current settings: pulled from clients that can be asked, else taken from the start options.
import type { Connection, InitializeParams } from "vscode-languageserver/node";
import type { InitializationOptions } from "./protocol/messages.ts";
import { DEFAULT_SETTINGS, type FathomSettings, parseSettings, SETTINGS_SECTION } from "./protocol/settings.ts";

export class SettingsStore {
  /** Called after a change with the settings before and now. */
  onChange: (before: FathomSettings, now: FathomSettings) => void = () => {};
  readonly #connection: Connection;
  readonly #canAsk: boolean;
  readonly #startOptions: unknown;
  #current: FathomSettings = DEFAULT_SETTINGS;
  #refreshing: Promise<unknown> = Promise.resolve();

  constructor(connection: Connection, params: InitializeParams) {
    this.#connection = connection;
    this.#canAsk = params.capabilities.workspace?.configuration === true;
    this.#startOptions = (params.initializationOptions as InitializationOptions | undefined)?.settings;
    connection.onDidChangeConfiguration(async ({ settings }) => {
      // Clients that cannot be asked send the values with the notification.
      const sent = (settings as Record<string, unknown> | null)?.[SETTINGS_SECTION] ?? settings;
      const before = this.#canAsk ? await this.refresh() : this.#adopt(sent);
      this.onChange(before, this.#current);
    });
  }

  get current(): FathomSettings {
    return this.#current;
  }

  /** The settings after a change that the client has announced but not yet told. */
  async latest(): Promise<FathomSettings> {
    await this.#refreshing;
    return this.#current;
  }

  /**
   * Start options win over nothing but stand for clients without configuration; a client's own values win.
   * @returns The settings that were in force when the answer came: an earlier question may have been answered meanwhile.
   */
  refresh(): Promise<FathomSettings> {
    const asked = this.#ask();
    this.#refreshing = asked;
    return asked;
  }

  async #ask(): Promise<FathomSettings> {
    const asked = this.#canAsk ? await this.#connection.workspace.getConfiguration(SETTINGS_SECTION) : undefined;
    return this.#adopt(asked ?? this.#startOptions);
  }

  /** @returns The settings before. */
  #adopt(value: unknown): FathomSettings {
    const before = this.#current;
    const { settings, problems } = parseSettings(value);
    this.#current = settings;
    for (const problem of problems) this.#connection.console.warn(problem);
    return before;
  }
}
