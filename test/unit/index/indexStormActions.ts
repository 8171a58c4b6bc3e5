// The actions of a storm over the index, and how they are drawn: code with names and imports, and what keeps a file out.
import fc from "fast-check";
import { NAMES, TAINTED } from "../codebase/stormActions.ts";
import { type Content, RULES, textContent } from "../codebase/stormWorld.ts";

/** Code by a number, or what keeps a file out for what is in it. */
type Written = { code: number } | { unfit: keyof typeof TAINTED | "link" };

export type Action =
  | { do: "write" | "type"; file: string; content: Written }
  | { do: "open" | "save" | "close" | "remove" | "removeFolder" | "touch"; file: string }
  | { do: "rename" | "moveFolder"; file: string; to: string }
  | { do: "rules"; which: number }
  | { do: "lose" | "find" | "restart" | "check" };

const ANIMALS = ["pangolin", "numbat", "quokka", "axolotl", "ocelot"];
const VERBS = ["feed", "count", "draw", "hide"];
const FOLDERS = ["src", "lib", "docs", "mod"];
const MOVED = ["pkg", "old"];
/** Different texts that there can be. */
const TEXTS = 40;
/** Much happens to a few of them, one thing after the other. */
const HOT = ["a.ts", "mod", "mod/inner.ts", "src/0.ts", "src/1.ts", "docs/1.md"];

/** Asked of both indexes: names, a quoted text, paths, filters, and a word that is in one text. */
export const QUERIES = [
  "feedPangolin3",
  "drawOcel",
  '"hidden in text 7"',
  "src/1.ts",
  "docs/ünï — 文.md",
  "symbol:numbat",
  "symbol:count path:lib lang:ts",
  ...[0, 7, 21, 33].map(wordOf),
];

/** A word that says much and is in no other text. */
function wordOf(n: number): string {
  return (
    ["zor", "bak", "lim", "tev", "gup", "nax", "wid", "hol"][n % 8]! +
    ["ruf", "dem", "sil", "pov", "kan"][n % 5]! +
    "ix"
  );
}

/** A text with definitions, a use, an import and words; `n` decides all of it. */
export function codeOf(path: string, n: number): string {
  const animal = ANIMALS[n % ANIMALS.length]!;
  const verb = VERBS[n % VERBS.length]!;
  const name = `${verb}${animal[0]!.toUpperCase()}${animal.slice(1)}${n % 10}`;
  if (path.endsWith(".md"))
    return `# The ${animal}\n\nHow to ${verb} it, part ${n}.\n\n## ${name}\n\nhidden in text ${n} ${wordOf(n)}\n`;
  return [
    `import { ${name} } from "./${n % 16}.ts";`,
    `import { other } from "../lib/${n % 7}.ts";`,
    `export function ${name}(${animal}: number): number {`,
    `  return other(${animal}) + ${n}; // hidden in text ${n} ${wordOf(n)}`,
    "}",
    `export class ${animal}Keeper {`,
    `  ${verb}(): void {}`,
    "}",
    ...Array.from({ length: n % 5 }, (_, line) => `export const ${animal}${line} = "${path}";`),
    "",
  ].join("\n");
}

export function contentOf(written: Written, path: string): Content {
  if ("code" in written) return textContent(codeOf(path, written.code));
  if (written.unfit === "link") return { kind: "link", bytes: "a.ts", visible: undefined };
  return { kind: "text", bytes: TAINTED[written.unfit], visible: undefined };
}

/** Storms of exactly so many actions. */
export function indexStormsOf(length: number): fc.Arbitrary<Action[]> {
  const file = fc.oneof(fc.constantFrom(...NAMES), { weight: 2, arbitrary: fc.constantFrom(...HOT) });
  const unfit = fc.constantFrom(...(Object.keys(TAINTED) as (keyof typeof TAINTED)[]), "link" as const);
  const code = fc.record({ code: fc.nat(TEXTS - 1) });
  const content: fc.Arbitrary<Written> = fc.oneof({ weight: 4, arbitrary: code }, fc.record({ unfit }));
  const folder = fc.constantFrom(...FOLDERS, ...MOVED);
  const as = <Do extends Action["do"]>(...names: Do[]) => fc.constantFrom(...names);
  const action: fc.Arbitrary<Action> = fc.oneof(
    { weight: 20, arbitrary: fc.record({ do: as("write", "type"), file, content }) },
    { weight: 24, arbitrary: fc.record({ do: as("open", "save", "close", "remove", "touch"), file }) },
    { weight: 1, arbitrary: fc.record({ do: as("removeFolder"), file: folder }) },
    { weight: 6, arbitrary: fc.record({ do: as("rename"), file, to: file }) },
    { weight: 4, arbitrary: fc.record({ do: as("moveFolder"), file: folder, to: folder }) },
    { weight: 3, arbitrary: fc.record({ do: as("rules"), which: fc.nat(RULES.length - 1) }) },
    { weight: 3, arbitrary: fc.record({ do: as("lose") }) },
    { weight: 20, arbitrary: fc.record({ do: as("find") }) },
    { weight: 1, arbitrary: fc.record({ do: as("restart", "check") }) },
  );
  return fc.array(action, { minLength: length, maxLength: length, size: "max" });
}
