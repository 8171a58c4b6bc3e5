// The models on this machine: found, imported, chosen, and listed as choices with what fits; loads and downloads nothing.
import { open, readdir, readFile, rename, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import writeFileAtomic from "write-file-atomic";
import type { Hardware, ModelFacts } from "../../../engine/src/api.ts";
import { absentAs, PartialFile } from "../download/partialFile.ts";
import { makeFolder } from "../makeFolder.ts";
import type { FathomErrorCodes } from "../protocol/errors.ts";
import { formatBytes } from "../protocol/formatBytes.ts";
import type { ModelChoice } from "../protocol/messages.ts";
import { unreadableSentence } from "../systemReasons.ts";
import { type CatalogueFile, type CatalogueModel, DEFAULT_MODEL_ID } from "./catalog.ts";
import { type FitFacts, type FitWish, planFits } from "./fit.ts";

/** First four bytes of every GGUF file. */
const GGUF_MAGIC = "GGUF";
const MODEL_FILE_ENDING = ".gguf";
/** Projectors for images are GGUF files too; by custom their names say what they are. */
const MMPROJ_NAME = /mmproj/i;

/** The model that ships with Fathom. */
export const DEMO_MODEL_ID = "demo";
const DEMO_MODEL_FILE = "qwen35-nano-q8_0.gguf";
const DEMO_MMPROJ_FILE = "mmproj-nano-random-f16.gguf";

/** Ids of files that are not in the catalogue begin with this, so that they never equal an id of the catalogue. */
const LOCAL_ID_PREFIX = "local-";

/** Written into the index; another number is read as no index. */
const INDEX_FORMAT = 1;

export interface InstalledModel {
  id: string;
  title: string;
  /** Absolute path of the weights. */
  file: string;
  /** Absolute path of the projector for images. */
  mmproj?: string;
  demo: boolean;
  origin: "catalogue" | "imported" | "demo";
}

/** How much of a catalogue model is on disk, and what a download has to fetch. */
export interface CatalogueState {
  model: CatalogueModel;
  files: { source: CatalogueFile; target: string; present: boolean; partialBytes: number }[];
  /** The weights are there; without the projector the model only lacks images. */
  installed: boolean;
  /** About what is still to be fetched, partial files subtracted. */
  missingBytes: number;
}

/** A model file or id that cannot be used; the message is a sentence for people. */
export class ModelLibraryError extends Error {
  readonly code = "modelUnusable" satisfies keyof typeof FathomErrorCodes;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ModelLibraryError";
  }
}

export interface ModelLibraryOptions {
  /** Fathom's data folder; models lie in its folder `models`, the index in `models.json`. */
  storageDir: string;
  /** Folder of the model that ships with Fathom. */
  demoModelDir: string;
  /** The setting `fathom.model.demo`. */
  demoEnabled: boolean;
  catalogue: readonly CatalogueModel[];
}

export interface ChoiceOptions {
  hardware: Hardware;
  wish: FitWish;
  /** Id of the model in use. */
  selectedId: string | undefined;
  /** Reads a model file's header (the engine's `inspect`). */
  inspect: (file: string) => Promise<ModelFacts>;
}

/** What cannot be found again by looking into the folder. */
interface Index {
  format: typeof INDEX_FORMAT;
  selected: string;
  imported: ImportedEntry[];
}

interface ImportedEntry {
  id: string;
  file: string;
  mmproj?: string;
}

export class ModelLibrary {
  readonly #storageDir: string;
  readonly #modelsDir: string;
  readonly #indexFile: string;
  readonly #options: ModelLibraryOptions;
  #lastUpdate: Promise<unknown> = Promise.resolve();

  constructor(options: ModelLibraryOptions) {
    this.#options = options;
    this.#storageDir = options.storageDir;
    this.#modelsDir = join(options.storageDir, "models");
    this.#indexFile = join(options.storageDir, "models.json");
  }

  /** Every model whose file is there: downloaded, lying in the models folder, imported, and the demo model if enabled. */
  async list(): Promise<InstalledModel[]> {
    const index = await this.#readIndex();
    const stored = await this.#storedModels();
    const imported = await Promise.all(index.imported.map(storedModel));
    const demo = this.#options.demoEnabled ? await this.#demoModel() : undefined;
    const isImported = (file: string) => index.imported.some((entry) => entry.file === file);
    const found = stored.filter((model) => model.origin === "catalogue" || !isImported(model.file));
    return [...found, ...imported, demo].filter((model) => model !== undefined);
  }

  /**
   * The model to load.
   * @param settingsPath The setting `fathom.model.path`: an id, an absolute path (`~` allowed), or empty for the chosen
   *   model, else the demo model.
   * @returns Undefined when none is configured. A path is returned even if no file is there: the engine says so by name.
   * @throws ModelLibraryError when the setting is neither a path nor the id of an installed model.
   */
  async selected(settingsPath: string): Promise<InstalledModel | undefined> {
    const models = await this.list();
    if (settingsPath === "") {
      const index = await this.#readIndex();
      return models.find((model) => model.id === index.selected) ?? models.find((model) => model.demo);
    }
    const byId = models.find((model) => model.id === settingsPath);
    if (byId !== undefined) return byId;
    const file = expandHome(settingsPath);
    if (isAbsolute(file)) return models.find((model) => model.file === file) ?? (await modelAt(localId(file), file));
    const known = models.map((model) => model.id).join(", ") || "none";
    throw new ModelLibraryError(
      `The setting fathom.model.path is "${settingsPath}", which is neither an absolute path nor an installed model ` +
        `(installed: ${known}). Choose a model in the list or correct the setting.`,
    );
  }

  /** Remembers an installed model as the chosen one. Throws ModelLibraryError when it is not installed. */
  async select(id: string): Promise<InstalledModel> {
    const model = (await this.list()).find((candidate) => candidate.id === id);
    if (model === undefined) {
      throw new ModelLibraryError(`The model ${id} is not on this machine. Download or import it first.`);
    }
    await this.#updateIndex((index) => ({ ...index, selected: id }));
    return model;
  }

  /**
   * Adds a model file where it is, without copying it.
   * @param file Absolute path of a GGUF file, `~` allowed.
   * @param mmproj The same of its projector; absent: the one beside the model, if there is exactly one.
   * @param check Looks into the weights, given their path without `~`, and throws when they are of no use (the engine's
   *   `inspect`).
   * @throws ModelLibraryError when a path is not absolute, is not there, or is not a GGUF file, and what `check` throws;
   *   nothing is changed then.
   */
  async importFile(file: string, mmproj?: string, check?: (file: string) => Promise<unknown>): Promise<InstalledModel> {
    const weights = await checkedGguf(file);
    await check?.(weights);
    const projector = mmproj === undefined || mmproj === "" ? undefined : await checkedGguf(mmproj);
    const taken = await this.list();
    const known = taken.find((model) => model.file === weights);
    if (known !== undefined && (known.origin !== "imported" || projector === undefined)) return known;
    const index = await this.#updateIndex((before) => {
      const others = before.imported.filter((entry) => entry.file !== weights);
      const id = known?.id ?? freeId(localId(weights), [...taken, ...others]);
      return { ...before, imported: [...others, { id, file: weights, mmproj: projector }] };
    });
    const { id } = index.imported.at(-1) as ImportedEntry;
    return modelAt(id, weights, projector);
  }

  /** What of each catalogue model is on disk, and where its files belong. */
  catalogueState(): Promise<CatalogueState[]> {
    return Promise.all(this.#options.catalogue.map((model) => this.#stateOf(model)));
  }

  /** Every model as a choice for people: the catalogue first, then what else is installed. */
  async toChoices(options: ChoiceOptions): Promise<ModelChoice[]> {
    const states = await this.catalogueState();
    const offered = states.map((state) => catalogueChoice(state, options));
    const others = (await this.list()).filter((model) => model.origin !== "catalogue");
    return [...offered, ...(await Promise.all(others.map((model) => localChoice(model, options))))];
  }

  async #stateOf(model: CatalogueModel): Promise<CatalogueState> {
    const files = await Promise.all(
      [model.weights, model.mmproj].map(async (source) => {
        const target = join(this.#modelsDir, source.name);
        const [present, partialBytes] = await Promise.all([isFile(target), new PartialFile(target).size()]);
        return { source, target, present, partialBytes };
      }),
    );
    const missing = files.filter((file) => !file.present);
    const missingBytes = missing.reduce(
      (sum, file) => sum + Math.max(0, file.source.approximateBytes - file.partialBytes),
      0,
    );
    return { model, files, installed: files[0]?.present ?? false, missingBytes };
  }

  /** Models in the models folder: the catalogue's by name, any other GGUF file that was put there by its own. */
  async #storedModels(): Promise<InstalledModel[]> {
    const states = await this.catalogueState();
    const downloaded = states.filter((state) => state.installed).map(downloadedModel);
    const names = await readdir(this.#modelsDir).catch(absentAs<string[]>([]));
    const offered = new Set(this.#options.catalogue.map((model) => model.weights.name));
    const others = names.filter((name) => isModelName(name) && !offered.has(name)).sort();
    const found = others.map((name) => storedModel({ id: localId(name), file: join(this.#modelsDir, name) }));
    return [...downloaded, ...(await Promise.all(found)).filter((model) => model !== undefined)];
  }

  async #demoModel(): Promise<InstalledModel | undefined> {
    const file = join(this.#options.demoModelDir, DEMO_MODEL_FILE);
    const mmproj = join(this.#options.demoModelDir, DEMO_MMPROJ_FILE);
    if (!(await isFile(file))) return undefined;
    const model: InstalledModel = {
      id: DEMO_MODEL_ID,
      title: "Demo model (shows how Fathom works, answers nothing)",
      file,
      demo: true,
      origin: "demo",
    };
    return (await isFile(mmproj)) ? { ...model, mmproj } : model;
  }

  /** A damaged index is set aside: downloaded models are found again by their files, imported ones must be imported again. */
  async #readIndex(): Promise<Index> {
    const empty: Index = { format: INDEX_FORMAT, selected: "", imported: [] };
    const text = await readFile(this.#indexFile, "utf8").catch(absentAs(undefined));
    if (text === undefined) return empty;
    const index = parseIndex(text);
    if (index !== undefined) return index;
    await rename(this.#indexFile, `${this.#indexFile}.corrupt`).catch(absentAs(undefined));
    return empty;
  }

  /** Changes come one after the other, each on what the one before wrote. */
  #updateIndex(change: (index: Index) => Index): Promise<Index> {
    const update = async () => {
      const index = change(await this.#readIndex());
      await makeFolder(this.#storageDir);
      await writeFileAtomic(this.#indexFile, `${JSON.stringify(index, undefined, 2)}\n`);
      return index;
    };
    const updated = this.#lastUpdate.then(update, update);
    this.#lastUpdate = updated;
    return updated;
  }
}

function downloadedModel(state: CatalogueState): InstalledModel {
  const [weights, mmproj] = state.files as [CatalogueState["files"][number], CatalogueState["files"][number]];
  const { id, title, quantisation } = state.model;
  const model: InstalledModel = {
    id,
    title: `${title} ${quantisation}`,
    file: weights.target,
    demo: false,
    origin: "catalogue",
  };
  return mmproj.present ? { ...model, mmproj: mmproj.target } : model;
}

/** Undefined when the file is not there, or is no file. */
async function storedModel(entry: ImportedEntry): Promise<InstalledModel | undefined> {
  if (!(await isFile(entry.file))) return undefined;
  const hasProjector = entry.mmproj !== undefined && (await isFile(entry.mmproj));
  return modelAt(entry.id, entry.file, hasProjector ? entry.mmproj : undefined);
}

/** A model file that is not the catalogue's, with the given projector or the one beside it. */
async function modelAt(id: string, file: string, mmproj?: string): Promise<InstalledModel> {
  const projector = mmproj ?? (await mmprojBeside(file));
  const title = basename(file).slice(0, -MODEL_FILE_ENDING.length) || basename(file);
  const model: InstalledModel = { id, title, file, demo: false, origin: "imported" };
  return projector === undefined ? model : { ...model, mmproj: projector };
}

/** The only projector in the model's folder; with several there is no telling which one belongs to it. */
async function mmprojBeside(file: string): Promise<string | undefined> {
  const names = await readdir(dirname(file)).catch(() => []);
  const projectors = names.filter((name) => name.endsWith(MODEL_FILE_ENDING) && MMPROJ_NAME.test(name));
  const [only] = projectors;
  return projectors.length === 1 && only !== undefined ? join(dirname(file), only) : undefined;
}

function catalogueChoice(state: CatalogueState, options: ChoiceOptions): ModelChoice {
  const { model, installed, missingBytes } = state;
  const sizes = `${formatBytes(model.weights.approximateBytes)} and ${formatBytes(model.mmproj.approximateBytes)} for images`;
  const partial = state.files.reduce((sum, file) => sum + (file.present ? 0 : file.partialBytes), 0);
  const begun = partial > 0 ? ` ${formatBytes(partial)} are already here.` : "";
  const facts: FitFacts = {
    ...model.facts,
    weightBytes: model.weights.approximateBytes,
    trainedContextTokens: model.contextTokens,
  };
  return {
    id: model.id,
    title: `${model.title} ${model.quantisation}`,
    detail: `${model.advice} About ${sizes}.${begun}`,
    parameters: model.parameters,
    licence: model.licence,
    source: model.weights.url,
    downloadBytes: missingBytes,
    installed,
    selected: model.id === options.selectedId,
    ...(model.id === DEFAULT_MODEL_ID && { recommended: true }),
    fit: fitSentence(facts, options),
  };
}

async function localChoice(model: InstalledModel, options: ChoiceOptions): Promise<ModelChoice> {
  const fit = await options.inspect(model.file).then(
    (facts) => fitSentence(facts, options),
    // The reason why a file cannot be used is what the user needs to read here.
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  return {
    id: model.id,
    title: model.title,
    detail: model.demo ? "Ships with Fathom. Far too small to answer anything." : model.file,
    parameters: model.demo ? "3.2M" : "",
    licence: model.demo ? "Apache-2.0" : "",
    downloadBytes: 0,
    installed: true,
    selected: model.id === options.selectedId,
    fit,
  };
}

function fitSentence(facts: FitFacts, { hardware, wish }: ChoiceOptions): string {
  return planFits(facts, hardware, wish)[0]?.sentence ?? "";
}

async function checkedGguf(path: string): Promise<string> {
  const file = expandHome(path);
  if (!isAbsolute(file))
    throw new ModelLibraryError(`"${path}" is not an absolute path. Give the whole path of the file.`);
  const magic = await firstBytes(file).catch((error: unknown) => {
    throw new ModelLibraryError(`${unreadableSentence(file, error)} Nothing was imported.`, { cause: error });
  });
  if (magic === GGUF_MAGIC) return resolve(file);
  throw new ModelLibraryError(
    `${file} is not a GGUF model file (it does not begin with "GGUF"). Nothing was imported.`,
  );
}

async function firstBytes(file: string): Promise<string> {
  const handle = await open(file, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(GGUF_MAGIC.length), 0, GGUF_MAGIC.length, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** The index as it is on disk, or undefined when it is not one: it may have been edited or cut off. */
function parseIndex(text: string): Index | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || value.format !== INDEX_FORMAT || !Array.isArray(value.imported)) return undefined;
  const selected = typeof value.selected === "string" ? value.selected : "";
  return { format: INDEX_FORMAT, selected, imported: value.imported.filter(isImportedEntry) };
}

function isImportedEntry(value: unknown): value is ImportedEntry {
  if (!isRecord(value) || typeof value.id !== "string" || typeof value.file !== "string") return false;
  return isAbsolute(value.file) && (value.mmproj === undefined || typeof value.mmproj === "string");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isModelName(name: string): boolean {
  return name.endsWith(MODEL_FILE_ENDING) && !MMPROJ_NAME.test(name);
}

/** A file that cannot even be looked at cannot be loaded: the same as none. */
async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
}

function expandHome(path: string): string {
  return path === "~" || path.startsWith("~/") || path.startsWith("~\\") ? join(homedir(), path.slice(1)) : path;
}

/** An id from the file's name that settings and commands can carry. */
function localId(file: string): string {
  const name = basename(file, MODEL_FILE_ENDING).toLowerCase();
  return LOCAL_ID_PREFIX + name.replaceAll(/[^a-z0-9._-]+/g, "-");
}

/** The id itself, or with the first number that makes it different from all others. */
function freeId(id: string, others: readonly { id: string }[]): string {
  const taken = new Set(others.map((other) => other.id));
  let candidate = id;
  for (let number = 2; taken.has(candidate); number++) candidate = `${id}-${number}`;
  return candidate;
}
