// Which rules a file gets, by the end of its name.
import type { LanguageRules } from "./languageRules.ts";
import { cpp, go, rust } from "./languages/compiled.ts";
import { csharp, java } from "./languages/managed.ts";
import { bash, ini, php, powershell, python, ruby } from "./languages/scripting.ts";
import { css, javascript, tsx, typescript } from "./languages/web.ts";

const ENDINGS: readonly (readonly [LanguageRules, string])[] = [
  [typescript, "ts mts cts"],
  [tsx, "tsx"],
  [javascript, "js mjs cjs jsx"],
  [css, "css"],
  [python, "py pyi pyw"],
  [java, "java"],
  [csharp, "cs csx"],
  [cpp, "c h cc cpp cxx c++ hh hpp hxx h++ inl ipp cu cuh"],
  [go, "go"],
  [rust, "rs"],
  [ruby, "rb rake gemspec ru"],
  [php, "php phtml"],
  [bash, "sh bash zsh bats"],
  [powershell, "ps1 psm1 psd1"],
  [ini, "ini cfg conf properties editorconfig"],
];

const BY_ENDING = new Map(
  ENDINGS.flatMap(([rules, endings]) => endings.split(" ").map((end) => [end, rules] as const)),
);

/** Files whose name alone tells the language. */
const BY_NAME = new Map<string, LanguageRules>([
  ["Rakefile", ruby],
  ["Gemfile", ruby],
  [".bashrc", bash],
  [".profile", bash],
  [".editorconfig", ini],
  [".gitconfig", ini],
]);

/** @returns The rules for a file, or undefined for a language without a grammar. */
export function rulesFor(path: string): LanguageRules | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return BY_NAME.get(name) ?? BY_ENDING.get(fileEnding(name));
}

/** What follows the last dot of a name, in small letters; "" without a dot. */
export function fileEnding(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot === -1 ? "" : name.slice(dot + 1).toLowerCase();
}

/** Names of all grammars in use; each is a file tree-sitter-NAME.wasm. */
export const GRAMMARS: readonly string[] = [...new Set(ENDINGS.map(([rules]) => rules.grammar))];
