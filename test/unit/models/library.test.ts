// Tests of the model library on real folders: finding, importing, choosing, the index's survival, and the choices shown.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Hardware, ModelFacts } from "../../../engine/src/api.ts";
import { catalogue } from "../../../server/src/models/catalog.ts";
import { ModelLibrary, ModelLibraryError, type ModelLibraryOptions } from "../../../server/src/models/library.ts";

const GIB = 1024 ** 3;
const FOUR_B = "qwen3.5-4b-q4_k_m";
const FOUR_B_FILE = "Qwen3.5-4B-Q4_K_M.gguf";
const FOUR_B_MMPROJ = "Qwen3.5-4B-mmproj-F16.gguf";
const DEMO_DIR = join(import.meta.dirname, "../../../engine/models/nano");

const HARDWARE: Hardware = {
  platform: "linux 6.1.0 x64",
  cpu: "CPU",
  cores: 8,
  totalMemoryBytes: 16 * GIB,
  freeMemoryBytes: 16 * GIB,
  gpu: undefined,
  cudaFound: false,
  runtime: "",
  residentBytes: 0,
};

const FACTS: ModelFacts = {
  file: "",
  name: "small",
  architecture: "qwen35",
  weightBytes: 3_574_048,
  layers: 8,
  trainedContextTokens: 262_144,
  kvBytesPerToken: { f16: 1024, q8_0: 544 },
  recurrentStateBytes: 116_736,
  vocabularySize: 4096,
  embeddingLength: 160,
};

describe("ModelLibrary", () => {
  let dir: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "fathom-library-"));
  });

  afterEach(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  const storageDir = () => join(dir, "storage");
  const indexFile = () => join(storageDir(), "models.json");

  function library(more: Partial<ModelLibraryOptions> = {}): ModelLibrary {
    const demoModelDir = join(dir, "no-demo");
    return new ModelLibrary({
      storageDir: storageDir(),
      demoModelDir,
      demoEnabled: true,
      catalogue: catalogue(),
      ...more,
    });
  }

  /** Writes a file that begins like a GGUF file, or with the given text. */
  async function put(path: string, text = "GGUF and the rest"): Promise<string> {
    const file = join(dir, path);
    await mkdir(join(file, ".."), { recursive: true });
    await writeFile(file, text);
    return file;
  }

  const idsOf = async (models: ModelLibrary) => (await models.list()).map((model) => model.id);

  async function refuses(work: Promise<unknown>, words: RegExp): Promise<void> {
    const error = await work.then(
      () => assert.fail("nothing was refused"),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof ModelLibraryError, String(error));
    assert.match(error.message, words);
    assert.match(error.message, /\.$/);
  }

  describe("list", () => {
    it("is empty on a new machine, and looking creates nothing", async () => {
      assert.deepEqual(await library().list(), []);
      assert.deepEqual(await readdir(dir), []);
    });

    it("has the demo model that ships with Fathom, if enabled", async () => {
      const [demo, ...others] = await library({ demoModelDir: DEMO_DIR }).list();
      assert.deepEqual(others, []);
      assert.deepEqual(
        { ...demo, title: undefined },
        {
          id: "demo",
          title: undefined,
          file: join(DEMO_DIR, "qwen35-nano-q8_0.gguf"),
          mmproj: join(DEMO_DIR, "mmproj-nano-random-f16.gguf"),
          demo: true,
          origin: "demo",
        },
      );
      assert.deepEqual(await library({ demoModelDir: DEMO_DIR, demoEnabled: false }).list(), []);
    });

    it("finds a downloaded model by its files, with its own projector only", async () => {
      const file = await put(`storage/models/${FOUR_B_FILE}`);
      await put("storage/models/Qwen3.5-9B-mmproj-F16.gguf");
      const expected = { id: FOUR_B, title: "Qwen3.5 4B Q4_K_M", file, demo: false, origin: "catalogue" as const };
      assert.deepEqual(await library().list(), [expected]);
      const mmproj = await put(`storage/models/${FOUR_B_MMPROJ}`);
      assert.deepEqual(await library().list(), [{ ...expected, mmproj }]);
    });

    it("takes no unfinished, damaged or foreign file for a model", async () => {
      for (const ending of [".part", ".part.of", ".corrupt"]) await put(`storage/models/${FOUR_B_FILE}${ending}`);
      await put("storage/models/readme.txt");
      await mkdir(join(dir, "storage/models/folder.gguf"));
      assert.deepEqual(await library().list(), []);
    });

    it("finds a model file that was put into the models folder by hand", async () => {
      const file = await put("storage/models/My Model.gguf");
      assert.deepEqual(await library().list(), [
        { id: "local-my-model", title: "My Model", file, demo: false, origin: "imported" },
      ]);
    });
  });

  describe("importFile", () => {
    it("refers to the file where it is, and remembers it", async () => {
      const file = await put("elsewhere/some.gguf");
      const mmproj = await put("other/mmproj-some.gguf");
      const expected = { id: "local-some", title: "some", file, mmproj, demo: false, origin: "imported" as const };
      assert.deepEqual(await library().importFile(file, mmproj), expected);
      assert.deepEqual(await library().list(), [expected]);
      assert.deepEqual(await readdir(storageDir()), ["models.json"]);
    });

    it("takes the projector beside the model when there is only one", async () => {
      const file = await put("elsewhere/some.gguf");
      const mmproj = await put("elsewhere/mmproj-F16.gguf");
      assert.equal((await library().importFile(file)).mmproj, mmproj);
      await put("elsewhere/mmproj-BF16.gguf");
      assert.equal((await library().importFile(file)).mmproj, undefined);
    });

    it("gives files of the same name different ids, and the same file the same id", async () => {
      const models = library();
      const files = [await put("a/same.gguf"), await put("b/same.gguf"), await put("c/same.gguf")];
      for (const file of files) await models.importFile(file);
      assert.deepEqual(await idsOf(models), ["local-same", "local-same-2", "local-same-3"]);
      assert.equal((await models.importFile(files[1] ?? "")).id, "local-same-2");
      assert.equal((await models.list()).length, 3);
    });

    it("loses none of several imports at once", async () => {
      const models = library();
      const files = await Promise.all(["a", "b", "c", "d"].map((name) => put(`elsewhere/${name}.gguf`)));
      await Promise.all(files.map((file) => models.importFile(file)));
      assert.equal((await library().list()).length, 4);
    });

    it("knows a downloaded model and one in the models folder again", async () => {
      const downloaded = await put(`storage/models/${FOUR_B_FILE}`);
      const stored = await put("storage/models/mine.gguf");
      assert.equal((await library().importFile(downloaded)).id, FOUR_B);
      const mmproj = await put("elsewhere/mmproj.gguf");
      assert.equal((await library().importFile(stored, mmproj)).id, "local-mine");
      assert.deepEqual(await idsOf(library()), [FOUR_B, "local-mine"]);
    });

    it("refuses what cannot be a model, and remembers nothing", async () => {
      const text = await put("elsewhere/text.gguf", "GGUX");
      const empty = await put("elsewhere/empty.gguf", "");
      const model = await put("elsewhere/model.gguf");
      const models = library();
      await refuses(models.importFile(text), /is not a GGUF model file .* Nothing was imported/);
      await refuses(models.importFile(empty), /is not a GGUF model file/);
      await refuses(models.importFile(model, text), /text\.gguf is not a GGUF/);
      await refuses(
        models.importFile(join(dir, "absent.gguf")),
        /^There is no file .*absent\.gguf\. Nothing was imported\.$/,
      );
      await refuses(models.importFile(dir), / is a folder, not a file\. Nothing was imported\.$/);
      await refuses(models.importFile("models/some.gguf"), /not an absolute path/);
      assert.deepEqual(await models.list(), []);
    });

    it("remembers nothing when the given check refuses the file", async () => {
      const file = await put("elsewhere/some.gguf");
      const seen: string[] = [];
      const check = (path: string) => {
        seen.push(path);
        return Promise.reject(new Error("wrong architecture"));
      };
      await assert.rejects(library().importFile(file, undefined, check), /wrong architecture/);
      assert.deepEqual(seen, [file]);
      assert.deepEqual(await library().list(), []);
    });

    it("drops a model from the list while its file is away", async () => {
      const models = library();
      const file = await put("stick/some.gguf");
      await models.importFile(file);
      await rm(file);
      assert.deepEqual(await models.list(), []);
      await put("stick/some.gguf");
      assert.deepEqual(await idsOf(models), ["local-some"]);
    });
  });

  describe("selected", () => {
    const idFor = async (models: ModelLibrary, setting: string) => (await models.selected(setting))?.id;

    it("is nothing without models, else the demo model, else the chosen one", async () => {
      assert.equal(await library().selected(""), undefined);
      const models = library({ demoModelDir: DEMO_DIR });
      assert.equal(await idFor(models, ""), "demo");
      await put(`storage/models/${FOUR_B_FILE}`);
      assert.equal(await idFor(models, ""), "demo");
      assert.equal((await models.select(FOUR_B)).id, FOUR_B);
      assert.equal(await idFor(library({ demoModelDir: DEMO_DIR }), ""), FOUR_B);
    });

    it("falls back to the demo model when the chosen file is gone", async () => {
      const models = library({ demoModelDir: DEMO_DIR });
      const file = await put(`storage/models/${FOUR_B_FILE}`);
      await models.select(FOUR_B);
      await rm(file);
      assert.equal(await idFor(models, ""), "demo");
    });

    it("follows the setting: an id, a path, a path from the home folder", async () => {
      const models = library({ demoModelDir: DEMO_DIR });
      await put(`storage/models/${FOUR_B_FILE}`);
      const file = await put("elsewhere/some.gguf");
      assert.equal(await idFor(models, FOUR_B), FOUR_B);
      assert.deepEqual(await models.selected(file), {
        id: "local-some",
        title: "some",
        file,
        demo: false,
        origin: "imported",
      });
      assert.equal(await idFor(models, join(DEMO_DIR, "qwen35-nano-q8_0.gguf")), "demo");
      assert.equal((await models.selected("~/models/some.gguf"))?.file, join(homedir(), "models", "some.gguf"));
    });

    it("says what is installed when the setting names something else", async () => {
      await put(`storage/models/${FOUR_B_FILE}`);
      const words = /fathom\.model\.path is "gpt".*installed: qwen3\.5-4b-q4_k_m/;
      await refuses(library().selected("gpt"), words);
      await refuses(library().selected(relative(process.cwd(), join(dir, "some.gguf"))), /neither an absolute path/);
    });

    it("can only be chosen from what is installed", async () => {
      await refuses(library().select(FOUR_B), /not on this machine/);
    });
  });

  describe("index", () => {
    const damaged: [string, string][] = [
      ["cut off", '{"format":1,"sel'],
      ["empty", ""],
      ["another format", '{"format":2,"selected":"","imported":[]}'],
      ["not an object", "[1,2]"],
      ["without imports", '{"format":1,"selected":"demo"}'],
    ];
    for (const [name, text] of damaged) {
      it(`${name}: is set aside, downloaded models are found again, and it is written anew`, async () => {
        await put(`storage/models/${FOUR_B_FILE}`);
        await put("storage/models.json", text);
        const models = library();
        assert.deepEqual(await idsOf(models), [FOUR_B]);
        assert.equal(await readFile(`${indexFile()}.corrupt`, "utf8"), text);
        await models.select(FOUR_B);
        assert.equal((await library().selected(""))?.id, FOUR_B);
      });
    }

    it("drops entries that are not entries and keeps the others", async () => {
      const file = await put("elsewhere/good.gguf");
      const imported = [null, 3, { id: 1, file }, { id: "x", file: "relative.gguf" }, { id: "local-good", file }];
      await put("storage/models.json", JSON.stringify({ format: 1, selected: 7, imported }));
      assert.deepEqual(await idsOf(library()), ["local-good"]);
    });
  });

  describe("catalogueState", () => {
    it("says what is there, what has begun and what is missing", async () => {
      await put(`storage/models/${FOUR_B_FILE}`);
      await put(`storage/models/${FOUR_B_MMPROJ}.part`, "x".repeat(1000));
      const states = await library().catalogueState();
      const state = states.find(({ model }) => model.id === FOUR_B);
      assert.ok(state !== undefined);
      assert.equal(state.installed, true);
      assert.equal(state.missingBytes, state.model.mmproj.approximateBytes - 1000);
      assert.deepEqual(
        state.files.map((file) => [file.target, file.present, file.partialBytes]),
        [
          [join(storageDir(), "models", FOUR_B_FILE), true, 0],
          [join(storageDir(), "models", FOUR_B_MMPROJ), false, 1000],
        ],
      );
      const other = states.find(({ model }) => model.parameters === "9B");
      assert.equal(other?.installed, false);
      assert.ok((other?.missingBytes ?? 0) > 6e9);
    });
  });

  describe("toChoices", () => {
    const wish = { maxTokens: 0, kvType: "auto", gpu: "auto" } as const;
    const options = { hardware: HARDWARE, wish, selectedId: FOUR_B, inspect: () => Promise.resolve(FACTS) };

    it("offers the catalogue with source, size and fit before anything is downloaded", async () => {
      const choices = await library().toChoices({ ...options, selectedId: undefined });
      assert.deepEqual(
        choices.map((choice) => choice.parameters),
        ["0.8B", "2B", "4B", "9B"],
      );
      for (const choice of choices) {
        assert.equal(choice.installed, false);
        assert.equal(choice.selected, false);
        assert.equal(choice.licence, "Apache-2.0");
        assert.ok(choice.downloadBytes > 7e8);
        assert.equal(new URL(choice.source ?? "").protocol, "https:");
        assert.match(
          choice.fit,
          /^Fits: about .* GiB of memory, with 262,144 tokens of context and (an f16|a q8_0) cache/,
        );
      }
      assert.deepEqual(
        choices.filter(({ recommended }) => recommended).map(({ id }) => id),
        [FOUR_B],
      );
      const fourB = choices.find((choice) => choice.id === FOUR_B);
      assert.match(fourB?.fit ?? "", /q8_0/);
      assert.match(fourB?.detail ?? "", /About 2\.54 GiB and 644 MiB for images\./);
    });

    it("marks what is installed, begun and selected", async () => {
      await put(`storage/models/${FOUR_B_FILE}`);
      await put(`storage/models/${FOUR_B_MMPROJ}`);
      await put("storage/models/Qwen3.5-9B-Q4_K_M.gguf.part", "x".repeat(4096));
      const choices = await library().toChoices(options);
      assert.deepEqual(
        choices.map(({ installed, selected }) => [installed, selected]),
        [
          [false, false],
          [false, false],
          [true, true],
          [false, false],
        ],
      );
      assert.equal(choices[2]?.downloadBytes, 0);
      assert.match(choices[3]?.detail ?? "", /4 KiB are already here\.$/);
    });

    it("adds local models by what their header says, and the reason when it cannot be read", async () => {
      const models = library({ demoModelDir: DEMO_DIR });
      const good = await put("elsewhere/good.gguf");
      const bad = await put("elsewhere/bad.gguf");
      await models.importFile(good);
      await models.importFile(bad);
      const inspect = (file: string) =>
        file === bad ? Promise.reject(new Error("bad.gguf is cut off.")) : Promise.resolve(FACTS);
      const local = (await models.toChoices({ ...options, inspect })).slice(4);
      assert.deepEqual(
        local.map(({ id, installed, downloadBytes, source }) => [id, installed, downloadBytes, source]),
        [
          ["local-good", true, 0, undefined],
          ["local-bad", true, 0, undefined],
          ["demo", true, 0, undefined],
        ],
      );
      assert.match(local[0]?.fit ?? "", /^Fits: about .* with 262,144 tokens/);
      assert.equal(local[1]?.fit, "bad.gguf is cut off.");
      assert.equal(local[1]?.detail, bad);
    });

    it("says so of a model that is too large for the machine", async () => {
      const hardware = { ...HARDWARE, totalMemoryBytes: 4 * GIB, freeMemoryBytes: 3 * GIB };
      const choices = await library().toChoices({ ...options, hardware });
      assert.match(choices.at(-1)?.fit ?? "", /^May not fit: /);
      assert.match(choices[0]?.fit ?? "", /^Fits: /);
    });
  });
});
