// Says in words what a tile of the context map stands for and what a search found; pure, no DOM.
import type { ContextMapFile, FileForm } from "../server/src/protocol/messages.ts";
import type { MapNode } from "./contextMapLayout.ts";
import { count, FORM_NAME, FORMS, isRead, tokensOf } from "./contextMapText.ts";

/** Path, form and tokens, reason; of a folder and of a rest what is in it. */
export function describe(node: MapNode): string[] {
  if (node.file !== undefined) {
    const { path, form, reason } = node.file;
    return [path, `${FORM_NAME[form]} · ${tokensOf(node.file)}`, reason].filter((line) => line !== "");
  }
  const forms = formsIn(node);
  const parts = FORMS.flatMap((form) => {
    const some = forms.get(form);
    return some === undefined ? [] : [`${FORM_NAME[form].toLowerCase()}: ${count(some.files)}`];
  });
  if (node.kind === "folder") return [`${node.path}/`, contentsOf(node), parts.join(", ")];
  const folder = node.path.replace(/\/?\*$/, "") || "this folder";
  return [`${node.name} of ${folder}`, tokensIn(node), parts.join(", ")];
}

/** How many files and tokens are in a folder: `12 files · 3,400 tokens`. */
export function contentsOf(node: MapNode): string {
  return `${count(node.nFiles)} ${node.nFiles === 1 ? "file" : "files"} · ${tokensIn(node)}`;
}

/** The form with most tokens, for a folder that is one tile. */
export function dominantForm(node: MapNode): FileForm {
  const sums = [...formsIn(node)].sort(([, a], [, b]) => b.tokens - a.tokens);
  return sums[0]?.[0] ?? "path";
}

/**
 * What to look for.
 * @param text As it was typed.
 * @returns Words in lower case.
 */
export function searchWords(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

/** True if the path has all words in it. */
export function hasWords(path: string, words: readonly string[]): boolean {
  const lower = path.toLowerCase();
  return words.every((word) => lower.includes(word));
}

/**
 * How many files a search found.
 * @param nHere In the folder and the forms that are shown.
 * @param all All files of the map: what is switched off or in another folder is counted too.
 */
export function foundText(words: readonly string[], nHere: number, all: readonly ContextMapFile[]): string {
  if (words.length === 0) return "";
  const nElsewhere = all.filter(({ path }) => hasWords(path, words)).length - nHere;
  const here = nHere === 0 ? "nothing here" : `${count(nHere)} ${nHere === 1 ? "file" : "files"}`;
  return nElsewhere > 0 ? `${here}, ${count(nElsewhere)} not shown` : here;
}

/** The sum is an estimate as soon as one part of it is. */
function tokensIn(node: MapNode): string {
  const isEstimate = [...formsIn(node).keys()].some((form) => !isRead(form));
  return `${isEstimate ? "about " : ""}${count(node.tokens)} ${node.tokens === 1 ? "token" : "tokens"}`;
}

function formsIn(node: MapNode, sums = new Map<FileForm, { files: number; tokens: number }>()) {
  const form = node.file?.form;
  if (form !== undefined) {
    const { files, tokens } = sums.get(form) ?? { files: 0, tokens: 0 };
    sums.set(form, { files: files + 1, tokens: tokens + node.tokens });
  }
  for (const child of node.children) formsIn(child, sums);
  return sums;
}
