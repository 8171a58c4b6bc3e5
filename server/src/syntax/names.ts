// Tells from the names in a file which ones it defines, which ones it uses from elsewhere, and what it imports.
import type { QueryCapture } from "web-tree-sitter";
import type { Declaration } from "./declarations.ts";
import type { Stretch } from "./excerpts.ts";

/** Bounds for a file; one with more is data, and its first names tell as much. */
const MAX_DEFINITIONS = 4000;
const MAX_REFERENCES = 2000;
const MAX_IMPORTS = 500;
const MAX_NAME_CHARS = 100;
const MAX_IMPORT_CHARS = 300;

/** A capture of a names query (see LanguageRules), with its offsets. */
export interface Capture extends Stretch {
  kind: string;
}

export interface Names {
  definitions: string[];
  references: string[];
  imports: string[];
}

/** Captures with offsets that need no more calls into the runtime. */
export function plainCaptures(captures: readonly QueryCapture[]): Capture[] {
  const plain: Capture[] = [];
  for (const { name, node } of captures) {
    if (!name.startsWith("_")) plain.push({ kind: name, start: node.startIndex, end: node.endIndex });
  }
  return plain;
}

/**
 * Sorts out names by scope, as tree-sitter's local queries do: a name used in a scope that does not have it is looked for
 * in the scope around it; what no scope has is a reference.
 * @param captures In the order of the text.
 */
export function namesIn(text: string, captures: readonly Capture[], declarations: readonly Declaration[]): Names {
  return new NameSorter(text, shownStretches(declarations)).sort(captures);
}

interface Scope {
  start: number;
  end: number;
  locals: Set<string>;
  used: Set<string>;
}

class NameSorter {
  readonly #text: string;
  readonly #shown: readonly Stretch[];
  #nextShown = 0;
  #scopes: Scope[] = [newScope(0, Number.POSITIVE_INFINITY)];
  #skipUntil = 0;
  readonly #definitions = new Set<string>();
  readonly #members = new Set<string>();
  readonly #imports = new Set<string>();

  constructor(text: string, shown: readonly Stretch[]) {
    this.#text = text;
    this.#shown = shown;
  }

  sort(captures: readonly Capture[]): Names {
    for (const capture of captures) {
      while (this.#scopes.at(-1)!.end <= capture.start) this.#closeScope();
      this.#take(capture);
    }
    while (this.#scopes.length > 1) this.#closeScope();
    const { used, locals } = this.#scopes[0]!;
    const references = [...[...used].filter((name) => !locals.has(name)), ...this.#members];
    return {
      definitions: [...this.#definitions].sort().slice(0, MAX_DEFINITIONS),
      references: [...new Set(references)].filter((name) => !this.#definitions.has(name)).slice(0, MAX_REFERENCES),
      imports: [...this.#imports].slice(0, MAX_IMPORTS),
    };
  }

  #take({ kind, start, end }: Capture): void {
    if (kind === "scope") this.#scopes.push(newScope(start, end));
    if (kind === "import") this.#import(start, end);
    if (kind === "import" || kind === "skip") this.#skipUntil = Math.max(this.#skipUntil, end);
    if (start < this.#skipUntil || end - start > MAX_NAME_CHARS) return;
    const scope = this.#scopes.at(-1)!;
    const name = withoutSign(this.#text.slice(start, end));
    // Where broken syntax lacks a name, the parser supposes an empty one.
    if (name === "") return;
    if (kind === "name") scope.used.add(name);
    if (kind === "member") this.#members.add(name);
    if (kind === "local") scope.locals.add(name);
    if (kind !== "def" && kind !== "outer" && kind !== "field") return;
    if (this.#isShown(start)) this.#definitions.add(name);
    else if (kind === "def") scope.locals.add(name);
    else if (kind === "outer") (this.#scopes.at(-2) ?? scope).locals.add(name);
  }

  #import(start: number, end: number): void {
    const raw = this.#text.slice(start, Math.min(end, start + MAX_IMPORT_CHARS));
    const name = raw.replace(/^["'`<]+|["'`>]+$/g, "").replace(/\s+/g, " ");
    if (name !== "") this.#imports.add(name);
  }

  /** Captures come in order, so the stretches are gone through once. */
  #isShown(offset: number): boolean {
    while ((this.#shown[this.#nextShown]?.end ?? Number.POSITIVE_INFINITY) <= offset) this.#nextShown++;
    return (this.#shown[this.#nextShown]?.start ?? Number.POSITIVE_INFINITY) <= offset;
  }

  #closeScope(): void {
    const closed = this.#scopes.pop()!;
    const around = this.#scopes.at(-1)!;
    for (const name of closed.used) {
      if (!closed.locals.has(name)) around.used.add(name);
    }
  }
}

/** A symbol of Ruby and a variable of PHP without the sign that begins them. */
export function withoutSign(name: string): string {
  return name.startsWith(":") || name.startsWith("$") ? name.slice(1) : name;
}

function newScope(start: number, end: number): Scope {
  return { start, end, locals: new Set(), used: new Set() };
}

function shownStretches(declarations: readonly Declaration[]): Stretch[] {
  return declarations.flatMap(({ start, headEnd, members }) => [{ start, end: headEnd }, ...shownStretches(members)]);
}
