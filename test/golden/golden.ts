// Golden cases: one text file each, read into sections, run, and compared with what it expects; rewritten by FATHOM_GOLDEN=write.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL(".", import.meta.url));

/** Stands for the cursor in a section; no source of ours has this character. */
export const CURSOR = "¦";

/** A section begins with a line `--- name`, with an argument behind it if it has one: `--- file src/a.ts`. */
const SECTION = /^--- (\w+)(?: (.+))?$/;
const EXPECT = "expect";

export interface Section {
  name: string;
  /** What stands behind the name; empty without. */
  argument: string;
  /** Without the line feed before the next section. */
  text: string;
  lines: readonly string[];
}

export interface GoldenCase {
  /** The first line, behind its `# `: what the case shows. */
  title: string;
  sections: readonly Section[];
  /** @throws Error if the case has no such section. */
  section(name: string): Section;
  /** Undefined if the case has no such section. */
  optional(name: string): Section | undefined;
}

/**
 * Defines one test for each `.txt` file of a folder, in its subfolders too.
 * @param folder Within this folder.
 * @param run Gives the text that the section `expect` holds.
 */
export function goldenTests(folder: string, run: (golden: GoldenCase) => string | Promise<string>): void {
  const files = textFiles(join(ROOT, folder));
  it(`has cases in ${folder}`, () => assert.ok(files.length > 0));
  for (const file of files) {
    const golden = parseGolden(readFileSync(file, "utf8"), file);
    it(`${relative(ROOT, file)}: ${golden.title}`, async () => {
      const result = await run(golden);
      if (process.env.FATHOM_GOLDEN === "write") writeFileSync(file, rewritten(golden, result));
      else assert.equal(visible(result), visible(golden.section(EXPECT).text));
    });
  }
}

/** @returns The texts before and after the one cursor mark. */
export function atCursor({ text }: Section): { before: string; after: string } {
  const [before = "", after, ...more] = text.split(CURSOR);
  assert.ok(after !== undefined && more.length === 0, "a section with a cursor has exactly one mark");
  return { before, after };
}

export function parseGolden(text: string, file: string): GoldenCase {
  const [first = "", ...lines] = text.replace(/\n$/, "").split("\n");
  assert.match(first, /^# \S/, `${file} opens with its title`);
  const sections: { name: string; argument: string; lines: string[] }[] = [];
  for (const line of lines) {
    const [, name, argument = ""] = SECTION.exec(line) ?? [];
    if (name !== undefined) sections.push({ name, argument, lines: [] });
    else sections.at(-1)?.lines.push(line);
  }
  const read = sections.map(({ name, argument, lines: own }) => ({ name, argument, text: own.join("\n"), lines: own }));
  const optional = (name: string) => read.find((section) => section.name === name);
  const section = (name: string) => optional(name) ?? assert.fail(`${file} has no section ${name}`);
  return { title: first.slice(2), sections: read, section, optional };
}

function rewritten({ title, sections }: GoldenCase, result: string): string {
  const head = ({ name, argument }: Section) => `--- ${name}${argument === "" ? "" : ` ${argument}`}\n`;
  const body = ({ lines }: Section) => lines.map((line) => `${line}\n`).join("");
  const kept = sections.filter(({ name }) => name !== EXPECT).map((section) => head(section) + body(section));
  return `# ${title}\n${kept.join("")}--- ${EXPECT}\n${result}\n`;
}

/** Spaces at the ends of lines are part of what is compared, so a difference shows them. */
function visible(text: string): string {
  return text.replace(/[ \t]+$/gm, (space) => space.replaceAll(" ", "·").replaceAll("\t", "→"));
}

function textFiles(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith(".txt"));
  return files.map(({ parentPath, name }) => join(parentPath, name)).sort();
}
