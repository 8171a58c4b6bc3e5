// The settings: type, defaults and a parser that never throws; the manifest in package.json must say the same.

export interface FathomSettings {
  model: {
    /** Id of an installed model or absolute path of a GGUF file; empty: the chosen one, else the demo model. */
    path: string;
    /** Absolute path of the projector for images; empty: the one beside the model. */
    mmproj: string;
    /** "auto" lets the runtime choose the best backend; "cpu" never uses a GPU. */
    gpu: "auto" | "cpu";
    /** Run the bundled demo model when no other is set. */
    demo: boolean;
  };
  runtime: {
    /** Address of the npm registry that the runtime for CUDA is downloaded from; empty: npm's own. */
    npmRegistry: string;
  };
  context: {
    /** Longest context in tokens; 0: as much as memory and the model allow. */
    maxTokens: number;
    /** KV cache type; "auto": f16 where it fits, else q8_0. */
    kvType: "auto" | "f16" | "q8_0";
    /** Read the workspace as soon as a model is ready. */
    readOnStart: boolean;
    /** Keep the read state on disk. */
    snapshots: boolean;
    /** Most disk space for the read states of all workspaces, GB (10^9 bytes). */
    snapshotGigabytes: number;
    /** How long reading a workspace for the first time may take, minutes; a slow machine reads less of a large one whole. */
    maxMinutes: number;
    /** Do not read while the computer runs on battery. */
    pauseOnBattery: boolean;
  };
  completion: {
    enabled: boolean;
    /** Most new tokens of one inline completion. */
    maxTokens: number;
    /** By language as the editor names it; `*` stands for all that are not named. */
    languages: Record<string, boolean>;
    /** Complete inside comments too. */
    inComments: boolean;
    /** Files without inline completions, as patterns of a .gitignore. */
    exclude: string[];
  };
  chat: {
    /** Let the model reason before it answers; slower. */
    thinking: boolean;
    maxTokens: number;
  };
  search: {
    /** Answer the editor's search for symbols from the index; languages with a server of their own answer it twice then. */
    workspaceSymbols: boolean;
    /** Absolute path of the GGUF file of an embedding model; empty: the bundled code embedder. */
    embeddingModel: string;
  };
}

export const DEFAULT_SETTINGS: FathomSettings = {
  model: { path: "", mmproj: "", gpu: "auto", demo: true },
  runtime: { npmRegistry: "" },
  context: {
    maxTokens: 0,
    kvType: "auto",
    readOnStart: true,
    snapshots: true,
    snapshotGigabytes: 20,
    maxMinutes: 30,
    pauseOnBattery: true,
  },
  completion: { enabled: true, maxTokens: 96, languages: { "*": true }, inComments: true, exclude: [] },
  chat: { thinking: false, maxTokens: 1024 },
  search: { workspaceSymbols: true, embeddingModel: "" },
};

/** Section of the settings in VS Code and in `workspace/configuration`. */
export const SETTINGS_SECTION = "fathom";

/**
 * Turns whatever a client sent into settings: unknown keys are dropped, wrong values become the default.
 * @param input Any value, usually an object in the shape of {@link FathomSettings}.
 * @returns Complete settings and a sentence for each value that was not usable. Never throws.
 */
export function parseSettings(input: unknown): { settings: FathomSettings; problems: string[] } {
  const problems: string[] = [];
  const source = record(input);
  const group = (name: keyof FathomSettings) => record(source[name]);
  const read = new Reader(problems);
  const d = DEFAULT_SETTINGS;
  const model = group("model");
  const runtime = group("runtime");
  const context = group("context");
  const completion = group("completion");
  const chat = group("chat");
  const search = group("search");
  const settings: FathomSettings = {
    model: {
      path: read.text(model.path, d.model.path, "model.path"),
      mmproj: read.text(model.mmproj, d.model.mmproj, "model.mmproj"),
      gpu: read.choice(model.gpu, ["auto", "cpu"], d.model.gpu, "model.gpu"),
      demo: read.flag(model.demo, d.model.demo, "model.demo"),
    },
    runtime: { npmRegistry: read.text(runtime.npmRegistry, d.runtime.npmRegistry, "runtime.npmRegistry") },
    context: {
      maxTokens: read.integer(context.maxTokens, 0, 1_048_576, d.context.maxTokens, "context.maxTokens"),
      kvType: read.choice(context.kvType, ["auto", "f16", "q8_0"], d.context.kvType, "context.kvType"),
      readOnStart: read.flag(context.readOnStart, d.context.readOnStart, "context.readOnStart"),
      snapshots: read.flag(context.snapshots, d.context.snapshots, "context.snapshots"),
      snapshotGigabytes: read.integer(
        context.snapshotGigabytes,
        1,
        10_000,
        d.context.snapshotGigabytes,
        "context.snapshotGigabytes",
      ),
      maxMinutes: read.integer(context.maxMinutes, 1, 10_080, d.context.maxMinutes, "context.maxMinutes"),
      pauseOnBattery: read.flag(context.pauseOnBattery, d.context.pauseOnBattery, "context.pauseOnBattery"),
    },
    completion: {
      enabled: read.flag(completion.enabled, d.completion.enabled, "completion.enabled"),
      maxTokens: read.integer(completion.maxTokens, 1, 2048, d.completion.maxTokens, "completion.maxTokens"),
      languages: read.flags(completion.languages, d.completion.languages, "completion.languages"),
      inComments: read.flag(completion.inComments, d.completion.inComments, "completion.inComments"),
      exclude: read.texts(completion.exclude, d.completion.exclude, "completion.exclude"),
    },
    chat: {
      thinking: read.flag(chat.thinking, d.chat.thinking, "chat.thinking"),
      maxTokens: read.integer(chat.maxTokens, 1, 32_768, d.chat.maxTokens, "chat.maxTokens"),
    },
    search: {
      workspaceSymbols: read.flag(search.workspaceSymbols, d.search.workspaceSymbols, "search.workspaceSymbols"),
      embeddingModel: read.text(search.embeddingModel, d.search.embeddingModel, "search.embeddingModel"),
    },
  };
  return { settings, problems };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** Reads one value at a time; an absent value is the default in silence, a wrong one is reported. */
class Reader {
  readonly #problems: string[];
  constructor(problems: string[]) {
    this.#problems = problems;
  }

  text(value: unknown, fallback: string, key: string): string {
    return typeof value === "string" ? value.trim() : this.#fallback(value, fallback, key, "a text");
  }

  flag(value: unknown, fallback: boolean, key: string): boolean {
    return typeof value === "boolean" ? value : this.#fallback(value, fallback, key, "true or false");
  }

  integer(value: unknown, low: number, high: number, fallback: number, key: string): number {
    const fits = typeof value === "number" && Number.isInteger(value) && value >= low && value <= high;
    return fits ? value : this.#fallback(value, fallback, key, `a whole number from ${low} to ${high}`);
  }

  texts(value: unknown, fallback: string[], key: string): string[] {
    const fits = Array.isArray(value) && value.every((entry) => typeof entry === "string");
    return fits ? value : this.#fallback(value, fallback, key, "a list of texts");
  }

  flags(value: unknown, fallback: Record<string, boolean>, key: string): Record<string, boolean> {
    const fits =
      typeof value === "object" &&
      value !== null &&
      !Array.isArray(value) &&
      Object.values(value).every((entry) => typeof entry === "boolean");
    return fits
      ? (value as Record<string, boolean>)
      : this.#fallback(value, fallback, key, "a table of true and false");
  }

  choice<const T extends string>(value: unknown, choices: readonly T[], fallback: NoInfer<T>, key: string): T {
    const found = choices.find((choice) => choice === value);
    return found ?? this.#fallback(value, fallback, key, `one of ${choices.join(", ")}`);
  }

  #fallback<T>(value: unknown, fallback: T, key: string, expected: string): T {
    if (value !== undefined && value !== null) {
      this.#problems.push(
        `The setting ${SETTINGS_SECTION}.${key} is not ${expected}; ${JSON.stringify(fallback)} is used.`,
      );
    }
    return fallback;
  }
}
