// Makes the place of a completion from a section with a file name and a cursor mark; the name's ending decides the language.
import { type CompletionPlace, placeBetween } from "../../server/src/completion/place.ts";
import { atCursor, type Section } from "./golden.ts";

/** As an editor names them. */
const LANGUAGES: Readonly<Record<string, string>> = {
  ts: "typescript",
  tsx: "typescriptreact",
  js: "javascript",
  py: "python",
  go: "go",
  rs: "rust",
  java: "java",
  c: "c",
  cc: "cpp",
  cpp: "cpp",
  cs: "csharp",
  rb: "ruby",
  php: "php",
  sh: "shellscript",
  css: "css",
  ps1: "powershell",
  kt: "kotlin",
  lua: "lua",
  swift: "swift",
  json: "json",
  yaml: "yaml",
  html: "html",
  sql: "sql",
  md: "markdown",
  rst: "restructuredtext",
  adoc: "asciidoc",
  mk: "makefile",
  ex: "elixir",
  hs: "haskell",
};

/** @throws AssertionError if the section has not exactly one cursor mark. */
export function placeOf(section: Section): CompletionPlace {
  const { before, after } = atCursor(section);
  const languageId = LANGUAGES[section.argument.slice(section.argument.lastIndexOf(".") + 1)] ?? "plaintext";
  return placeBetween(before, after, section.argument, languageId);
}
