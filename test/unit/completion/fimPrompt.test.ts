// Tests the layout of the prompt: its order for each kind of family, its budget, and that typing leaves its beginning alone.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { PromptPart } from "../../../engine/src/api.ts";
import type { ContextItem } from "../../../server/src/completion/context/contextItems.ts";
import { FimPrompt } from "../../../server/src/completion/fimPrompt.ts";
import { placeBetween } from "../../../server/src/completion/place.ts";
import { type FimFamily, familyOf } from "../../../server/src/models/fimFamilies.ts";
import { heldBytes, largeDocument } from "./heldBytes.ts";

/** One token a character, the worst tokenizer there is. */
const countTokens = async (texts: string[]) => texts.map((text) => text.length);
const QWEN = familyWith("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>");
const STARCODER = familyWith("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<file_sep>", "<repo_name>");
const CODESTRAL = familyWith("[PREFIX]", "[SUFFIX]", "<s>");

function familyWith(...tokens: string[]): FimFamily {
  const family = familyOf((text) => tokens.includes(text), { name: "Codestral", fimTokens: {} });
  return family ?? assert.fail(tokens.join(" "));
}

interface Wish {
  family?: FimFamily;
  items?: ContextItem[];
  budgetTokens?: number;
  suffixTokens?: number;
}

async function partsOf(before: string, after: string, wish: Wish = {}, prompt = new FimPrompt(countTokens)) {
  const { family = QWEN, items = [], budgetTokens = 4000, suffixTokens = 40 } = wish;
  const place = placeBetween(before, after, "a.ts", "typescript");
  return prompt.parts({ family, repoName: "repo", place, items, budgetTokens, suffixTokens });
}

const textsOf = (parts: readonly PromptPart[]) => parts.map((part) => ("special" in part ? part.special : part.text));
const item = (path: string, text: string): ContextItem => {
  return {
    source: "imports",
    path,
    startLine: 0,
    text,
    reason: "it is imported",
    tokens: path.length + text.length + 3,
  };
};

describe("completion: prompt", () => {
  it("frames repository, other files, file, text before and after the cursor", async () => {
    const parts = await partsOf("one\ntwo", "\nthree\n", { items: [item("b.ts", "b();")] });
    assert.deepEqual(textsOf(parts), [
      ...["<|repo_name|>", "repo\n", "<|file_sep|>", "b.ts\n", "b();\n", "<|file_sep|>", "a.ts\n"],
      ...["<|fim_prefix|>", "one\n", "two", "<|fim_suffix|>", "\nthree\n", "<|fim_middle|>"],
    ]);
  });

  it("puts the path behind the prefix token where a family wants it there", async () => {
    const texts = textsOf(await partsOf("one\ntwo", "", { family: STARCODER }));
    assert.deepEqual(texts.slice(2), [
      ...["<file_sep>", "<fim_prefix>", "a.ts\n", "one\n", "two", "<fim_suffix>", "", "<fim_middle>"],
    ]);
  });

  it("puts what follows first where a family reads it first", async () => {
    const texts = textsOf(await partsOf("one\ntwo", "\nthree", { family: CODESTRAL, items: [item("b.ts", "b();")] }));
    assert.deepEqual(texts, [
      ...["<s>", "[SUFFIX]", "\nthree", "[PREFIX]", "+++++ b.ts\n", "b();\n", "+++++ a.ts\n", "one\n", "two"],
    ]);
  });

  it("gives more of what follows where it stands in front, since no key changes it there", async () => {
    const after = Array.from({ length: 12 }, (_, line) => `\nline ${line}`).join("");
    const near = async (family: FimFamily) => {
      const texts = textsOf(await partsOf("one", after, { family, budgetTokens: 4000, suffixTokens: 20 }));
      return texts[texts.indexOf(family.suffix) + 1];
    };
    assert.equal(await near(CODESTRAL), after);
    assert.equal(await near(QWEN), "\nline 0\nline 1");
  });

  it("asks for a checkpoint at the start of the cursor's line, and nowhere else", async () => {
    const parts = await partsOf("one\ntwo", "");
    assert.deepEqual(
      parts.filter((part) => "checkpoint" in part),
      [{ text: "one\n", checkpoint: true }],
    );
  });

  it("keeps the beginning of a long line behind a checkpoint of its own", async () => {
    const checkpoints = async (line: string) => {
      const parts = await partsOf(`one\n${line}`, "");
      return parts.flatMap((part) => ("checkpoint" in part ? [part.text] : []));
    };
    assert.deepEqual(await checkpoints("const total = sum"), ["one\n"]);
    for (const end of ["", " 1", " 1) + 2"]) {
      assert.deepEqual(await checkpoints(`const total = sum(items,${end}`), ["one\n", "const total ="]);
    }
    assert.deepEqual(await checkpoints(`${" ".repeat(60)}x`), ["one\n"]);
    assert.deepEqual(await checkpoints("x".repeat(60)), ["one\n"]);
  });

  it("keeps what follows closely short, and gives the rest in front as the end of the file", async () => {
    const lines = Array.from({ length: 200 }, (_, line) => `line ${line}\n`).join("");
    const texts = textsOf(await partsOf("x = ", `;\n${lines}`, { suffixTokens: 20, budgetTokens: 8000 }));
    const near = texts[texts.indexOf("<|fim_suffix|>") + 1]!;
    assert.ok(near.length <= 20 && near.startsWith(";\nline 0"), near);
    const far = texts[4] ?? "";
    assert.ok(far.startsWith("line ") && far.length > 400, far.slice(0, 50));
    assert.equal(texts[3], "a.ts\n");
  });

  it("cuts what follows in its line where even that is too long", async () => {
    const texts = textsOf(await partsOf("x", "y".repeat(500), { suffixTokens: 20 }));
    assert.equal(texts.at(-2), "y".repeat(20));
  });

  it("keeps the end of a line that is too long", async () => {
    const texts = textsOf(await partsOf(`${"x".repeat(50_000)}end`, "", { budgetTokens: 3000 }));
    const prefix = texts.at(-4)!;
    assert.ok(prefix.endsWith("end") && prefix.length > 500 && prefix.length <= 3000, String(prefix.length));
  });

  it("counts a long line once, and then what is typed at its end", async () => {
    let counted = 0;
    const prompt = new FimPrompt(async (texts) => {
      counted += texts.join("").length;
      return countTokens(texts);
    });
    const line = "const x = 1; ".repeat(30_000);
    const first = textsOf(await partsOf(line, "", { budgetTokens: 3000 }, prompt));
    assert.ok(first.slice(-5, -3).join("").length > 1500);
    assert.ok(counted < 3000 * 16 + 5000, String(counted));
    counted = 0;
    await partsOf(`${line}y`, "", { budgetTokens: 3000 }, prompt);
    assert.ok(counted <= 1025, String(counted));
  });

  it("never parts a surrogate pair", async () => {
    for (const shift of ["", "x"]) {
      const smiles = shift + "😀".repeat(5000);
      for (const text of textsOf(await partsOf(smiles, smiles, { budgetTokens: 3001, suffixTokens: 33 }))) {
        assert.equal(Buffer.from(text).toString(), text);
      }
    }
  });

  it("holds no large document for the sake of the counts of its lines", async () => {
    const prompt = new FimPrompt(countTokens);
    const held = await heldBytes(async () => {
      for (let version = 0; version < 100; version++) {
        const document = largeDocument(version);
        await partsOf(document.slice(0, 250_000), document.slice(250_000), {}, prompt);
      }
    });
    assert.ok(held < 10_000_000, `${held} bytes`);
  });

  it("counts nothing more when nobody waits for it", async () => {
    const stop = new AbortController();
    let nCounted = 0;
    const prompt = new FimPrompt(async (texts) => {
      nCounted++;
      stop.abort();
      return countTokens(texts);
    });
    const place = placeBetween("a\n", "\nb\n".repeat(200), "a.ts", "typescript");
    const input = { family: QWEN, repoName: "r", place, items: [], budgetTokens: 4000, suffixTokens: 40 };
    await assert.rejects(prompt.parts({ ...input, signal: stop.signal }), { name: "AbortError" });
    assert.equal(nCounted, 1);
  });

  const line = fc.string({ maxLength: 60 }).map((text) => `${text.replaceAll("\n", "")}\n`);
  const text = fc.array(line, { maxLength: 400 }).map((lines) => lines.join(""));

  it("never exceeds the budget and never loses the text at the cursor", async () => {
    await fc.assert(
      fc.asyncProperty(text, text, fc.integer({ min: 300, max: 6000 }), async (before, after, budgetTokens) => {
        const texts = textsOf(await partsOf(before, after, { budgetTokens }));
        const at = texts.indexOf("<|fim_prefix|>");
        const end = texts.indexOf("<|fim_suffix|>");
        assert.ok(before.endsWith(texts.slice(at + 1, end).join("")));
        assert.ok(after.startsWith(texts[end + 1] ?? ""));
        assert.ok(texts.join("").length <= budgetTokens, `${texts.join("").length} of ${budgetTokens}`);
      }),
      { numRuns: 100 },
    );
  });

  it("leaves everything before the cursor's line as it is while the user types in it", async () => {
    await fc.assert(
      fc.asyncProperty(
        text,
        text,
        fc.array(fc.constantFrom("a", "(", " ", "."), { maxLength: 30 }),
        async (before, after, keys) => {
          const prompt = new FimPrompt(countTokens);
          const front = async (typed: string) => {
            const texts = textsOf(await partsOf(before + typed, after, { budgetTokens: 4000 }, prompt));
            return texts.slice(0, texts.indexOf("<|fim_prefix|>") + 2);
          };
          const first = await front("");
          let typed = "";
          for (const key of keys) {
            typed += key;
            assert.deepEqual(await front(typed), first);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("moves the start of a long text only every 64 lines", async () => {
    const prompt = new FimPrompt(countTokens);
    const starts: string[] = [];
    for (let count = 300; count < 500; count++) {
      const before = Array.from({ length: count }, (_, index) => `line ${index}\n`).join("");
      const texts = textsOf(await partsOf(before, "", { budgetTokens: 2000 }, prompt));
      starts.push(texts[texts.indexOf("<|fim_prefix|>") + 1]!.split("\n")[0]!);
    }
    assert.ok(new Set(starts).size <= 5, [...new Set(starts)].join(", "));
    for (const start of new Set(starts)) assert.equal(Number(start.replace("line ", "")) % 64, 0);
  });

  it("leaves the far part alone while lines come before the cursor, or the cursor moves a little", async () => {
    const after = Array.from({ length: 300 }, (_, index) => `line ${index}\n`).join("");
    const far = async (before: string, from: number) => {
      const rest = after.split("\n").slice(from).join("\n");
      return textsOf(await partsOf(before, rest, { budgetTokens: 9000 }))[4];
    };
    const first = await far("x\n", 0);
    assert.equal(await far("x\ny\nz\n", 0), first);
    assert.equal(await far("x\nline 0\nline 1\n", 2), first);
  });
});
