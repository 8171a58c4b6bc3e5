// Tells the kind of a definition by how its signature begins; knows no grammar.
import type { SymbolKind } from "../index/symbolRules.ts";

/** Keywords by kind; the first that stands in the signature before its parameters decides. */
const KEYWORDS: readonly (readonly [SymbolKind, RegExp])[] = [
  ["interface", /\b(?:interface|protocol)\b/],
  ["enum", /\benum\b/],
  ["struct", /\b(?:struct|union)\b/],
  ["trait", /\btrait\b/],
  ["class", /\b(?:class|record|object)\b/],
  ["module", /\b(?:namespace|module|package)\b/],
  ["type", /\b(?:type|typedef|using)\b/],
  ["macro", /^#\s*define\b|\bmacro\b/],
];
const FUNCTION = /\b(?:function|def|fn|func|fun|sub)\b|\(|=>/;
/** What stands before the parameters, or before a value. */
const HEAD = /^[^(={]*/;

/** @param isMember Whether the definition stands in another one. */
export function kindOfSignature(signature: string, isMember: boolean): SymbolKind {
  const head = HEAD.exec(signature)?.[0] ?? "";
  for (const [kind, keyword] of KEYWORDS) if (keyword.test(head)) return kind;
  if (FUNCTION.test(signature)) return isMember ? "method" : "function";
  return isMember ? "property" : "constant";
}
