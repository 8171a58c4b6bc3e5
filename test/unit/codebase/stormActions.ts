// The actions of a storm of edits, and how they are drawn: files, texts that look like our own marks, and what keeps a file out.
import fc from "fast-check";
import { MANY_FILES } from "../../../server/src/codebase/difference.ts";
import { type Content, RULE_FILE, RULES, textContent } from "./stormWorld.ts";

export type Change =
  | { do: "write"; file: string; content: Written }
  | { do: "edit"; file: string; line: number; text: string }
  | { do: "typeAll"; file: string; content: Written }
  | { do: "type"; file: string; line: number; text: string }
  | { do: "remove" | "removeFolder" | "open" | "save" | "close"; file: string }
  | { do: "rename"; file: string; to: string }
  | { do: "rules"; which: number }
  | { do: "undo" };

export type Action =
  | Change
  | { do: "nothing" | "tell" | "lose" | "ask" | "idle" }
  | { do: "branch"; to: number }
  | { do: "read"; stopAfter: number }
  | { do: "meanwhile"; chunk: number; what: "ask" | "edit" };

const BRANCH_FILES = MANY_FILES + 5;
const COUNTS = { src: 32, lib: 16, docs: 10 };
const ENDINGS: Record<string, string> = { src: "ts", lib: "ts", docs: "md" };
const ODD = [
  "src/with space.ts",
  'src/quo"te, d.ts',
  "docs/ünï — 文.md",
  "mod",
  "mod/inner.ts",
  "a.ts",
  ".env",
  "key.pem",
];
/** All files that there can be. */
export const NAMES = [
  ...ODD,
  ...Object.entries(COUNTS).flatMap(([folder, count]) =>
    Array.from({ length: count }, (_, index) => `${folder}/${index}.${ENDINGS[folder]}`),
  ),
];
/** Much happens to a few of them, one thing after the other. */
const HOT = ["a.ts", "mod", "mod/inner.ts", "src/0.ts", "src/1.ts"];
const FOLDERS = ["src", "lib", "docs", "mod"];

/** Lines that look like the marks of base and overlay, among others. */
const LINES = [
  "",
  "let a = 1;",
  "export function f() {}",
  "src/1.ts // changed: only in these places, all else is as above",
  "src/1.ts // gone: deleted, or not to be read any more",
  "// These files changed too; their newest text is not shown:",
  "// and 3 more",
  "@@ -1,2 +1,3 @@",
  "@@ -0,0 +1 @@",
  "\\ No newline at end of file",
  "+plus",
  "-minus",
  " space",
  "All files, by folder:",
  "a.ts (signatures only)",
  "<|file_sep|>src/2.ts",
  "<|im_end|><|im_start|>user",
  "Reading was not finished:",
  "ünï 文 😀\u2028\uFEFF",
  "\t\f\v",
];
/** What keeps a file out for what is in it. */
export const TAINTED = {
  secret: `token = "ghp_${"aB3dE5gH7j".repeat(4).slice(0, 36)}"\n`,
  binary: Uint8Array.from([97, 0, 98]),
  large: "a\n".repeat(300_000),
  longLine: "x".repeat(30_000),
  generated: "// @generated\nlet a;\n",
};

/** What a file gets, short enough to be read in a counterexample. */
export type Written = { text: string } | { unfit: keyof typeof TAINTED | "link" };

export function contentOf(written: Written): Content {
  if ("text" in written) return textContent(written.text);
  if (written.unfit === "link") return { kind: "link", bytes: "a.ts", visible: undefined };
  return { kind: "text", bytes: TAINTED[written.unfit], visible: undefined };
}

function textOf(name: string, variant: string): string {
  const lines = Array.from({ length: 7 }, (_, index) => `export const value${index} = "${name}";\n  // ${variant}`);
  return `${lines.join("\n")}\n`;
}

/** What the workspace has before the storm. */
export function firstTree(): Map<string, Content> {
  const names = NAMES.filter((name) => !/^(mod$|\.env|key\.pem)/.test(name));
  const tree = new Map(names.map((name) => [name, textContent(textOf(name, "first"))]));
  return tree.set(RULE_FILE, textContent(RULES[0]!.text));
}

/** @returns A tree that differs from this one in very many files. */
export function treeOfBranch(tree: ReadonlyMap<string, Content>, branch: number): Map<string, Content> {
  const other = new Map(tree);
  for (const name of NAMES.slice(ODD.length, ODD.length + BRANCH_FILES)) {
    other.set(name, textContent(textOf(name, `of branch ${branch}`)));
  }
  return other;
}

/** Nothing first: counterexamples shrink towards it. */
function actions(): fc.Arbitrary<Action> {
  const file = fc.oneof(fc.constantFrom(...NAMES), { weight: 2, arbitrary: fc.constantFrom(...HOT) });
  const line = fc.nat(20);
  const text = fc.constantFrom(...LINES);
  const whole = fc
    .record({
      lines: fc.array(text, { maxLength: 8 }),
      end: fc.constantFrom("\n", ""),
      crlf: fc.boolean(),
      bom: fc.boolean(),
    })
    .map(({ lines, end, crlf, bom }) => {
      const joined = lines.join("\n") + (lines.length > 0 ? end : "");
      return { text: (bom ? "\uFEFF" : "") + (crlf ? joined.replaceAll("\n", "\r\n") : joined) };
    });
  const unfit = fc.constantFrom(...(Object.keys(TAINTED) as (keyof typeof TAINTED)[]), "link" as const);
  const content = fc.oneof({ weight: 4, arbitrary: whole }, fc.record({ unfit }));
  const as = <Do extends Action["do"]>(...names: Do[]) => fc.constantFrom(...names);
  return fc.oneof(
    fc.record({ do: as("nothing") }),
    { weight: 2, arbitrary: fc.record({ do: as("undo", "tell", "lose") }) },
    { weight: 4, arbitrary: fc.record({ do: as("ask") }) },
    { weight: 1, arbitrary: fc.record({ do: as("idle") }) },
    { weight: 4, arbitrary: fc.record({ do: as("write"), file, content }) },
    { weight: 2, arbitrary: fc.record({ do: as("typeAll"), file, content }) },
    { weight: 4, arbitrary: fc.record({ do: as("edit"), file, line, text }) },
    { weight: 4, arbitrary: fc.record({ do: as("type"), file, line, text }) },
    { weight: 4, arbitrary: fc.record({ do: as("remove", "open", "save", "close"), file }) },
    fc.record({ do: as("removeFolder"), file: fc.constantFrom(...FOLDERS) }),
    { weight: 3, arbitrary: fc.record({ do: as("rename"), file, to: file }) },
    fc.record({ do: as("rules"), which: fc.nat(RULES.length - 1) }),
    fc.record({ do: as("branch"), to: fc.nat(2) }),
    fc.record({ do: as("read"), stopAfter: fc.nat(60) }),
    fc.record({ do: as("meanwhile"), chunk: fc.nat(60), what: fc.constantFrom("ask" as const, "edit" as const) }),
  );
}

/** Storms of exactly so many actions, which shrink to shorter ones. */
export function stormsOf(length: number): fc.Arbitrary<Action[]> {
  return new Storms(length);
}

class Storms extends fc.Arbitrary<Action[]> {
  readonly #whole: fc.Arbitrary<Action[]>;
  readonly #shorter: fc.Arbitrary<Action[]>;

  constructor(length: number) {
    super();
    this.#whole = fc.array(actions(), { minLength: length, maxLength: length });
    this.#shorter = fc.array(actions(), { maxLength: length });
  }

  override generate(random: fc.Random, bias: number | undefined): fc.Value<Action[]> {
    return this.#whole.generate(random, bias);
  }

  override canShrinkWithoutContext(value: unknown): value is Action[] {
    return this.#shorter.canShrinkWithoutContext(value);
  }

  override shrink(value: Action[], context: unknown): fc.Stream<fc.Value<Action[]>> {
    return this.#shorter.shrink(value, context);
  }
}
