// How the context map looks on the terminal: the tree with tokens, bars and forms, then totals and arithmetic; measures nothing.
import { formatBytes } from "../protocol/formatBytes.ts";
import type { ContextMap, FileForm } from "../protocol/messages.ts";
import { FORMS, isRead, sizeOf, type TreeRow } from "./contextTree.ts";
import { count, counted, hanging, oneLine, reasonsText, shareBar, shorten } from "./format.ts";
import type { Output, Style } from "./output.ts";

/** Characters. */
const BAR_WIDTH = 8;
/** Names take at most this share of a line. */
const NAME_SHARE = 0.4;
const INDENT = "  ";
const GAP = "  ";
/** The quota is set in these. */
const GIGABYTE = 1e9;

const STYLE: Record<FileForm, Style> = {
  whole: "green",
  outline: "cyan",
  overlay: "yellow",
  path: "dim",
  out: "dim",
};

/** What a line of the tree consists of, before it is laid out. */
interface Cells {
  name: string;
  tokens: string;
  bar: string;
}

/**
 * The lines of a tree: name, tokens, share of the root, and what the model has of it.
 * @param rows The root first.
 */
export function treeLines(output: Output, rows: readonly TreeRow[]): string[] {
  const [root] = rows;
  if (root === undefined) return [];
  const anyRead = root.tokens > 0;
  const whole = sizeOf(root, anyRead);
  const cells = rows.map((row) => cellsOf(row, whole, anyRead));
  const nameWidth = Math.min(Math.floor(output.width * NAME_SHARE), longest(cells.map(({ name }) => name)));
  const tokensWidth = longest(["tokens", ...cells.map(({ tokens }) => tokens)]);
  const left = output.width - nameWidth - tokensWidth - BAR_WIDTH - 3 * GAP.length;
  const meaning = shorten("what the model has", left);
  const head = [" ".repeat(nameWidth), "tokens".padStart(tokensWidth), "share".padEnd(BAR_WIDTH), meaning];
  const lines = rows.map((row, index) => {
    const { name, tokens, bar } = cells[index] as Cells;
    const label = shorten(name, nameWidth).padEnd(nameWidth);
    const isDim = row.node === undefined || sizeOf(row, anyRead) === 0;
    const style = row.node?.kind === "folder" ? "bold" : isDim ? "dim" : undefined;
    const amount = tokens.padStart(tokensWidth);
    return [
      style === undefined ? label : output.style(style, label),
      isDim ? output.style("dim", amount) : amount,
      output.style("green", bar),
      formText(output, row, left),
    ].join(GAP);
  });
  return [output.style("dim", head.join(GAP)), ...lines].map((line) => line.trimEnd());
}

function cellsOf(row: TreeRow, whole: number, anyRead: boolean): Cells {
  const { depth, node, more } = row;
  const name = node === undefined ? `… ${count(more)} more` : oneLine(node.name);
  const size = sizeOf(row, anyRead);
  // What is not in the context has an estimate, and no share of what is.
  const tokens = row.tokens > 0 ? count(row.tokens) : row.outside > 0 ? `≈ ${count(row.outside)}` : "–";
  return { name: INDENT.repeat(depth) + name, tokens, bar: shareBar(size / Math.max(1, whole), BAR_WIDTH) };
}

/** A file's form with the reason, else how many files there are of each form. */
function formText(output: Output, { node, files }: TreeRow, width: number): string {
  if (node?.file !== undefined) {
    const { form, reason } = node.file;
    const room = width - form.length - ": ".length;
    return output.style(STYLE[form], form) + output.style("dim", `: ${shorten(oneLine(reason), room)}`);
  }
  const parts = FORMS.filter((form) => files[form] > 0).map((form) => ({
    form,
    text: `${count(files[form])} ${form}`,
  }));
  const fits = parts.map(({ text }) => text).join(", ").length <= width;
  // Where there is no room, the rare forms give way: they can be looked up with the path of the folder.
  const shown = fits ? parts : fitting(parts, width - ", …".length);
  const words = shown.map(({ form, text }) => output.style(STYLE[form], text));
  return [...words, ...(fits ? [] : ["…"])].join(", ");
}

function fitting<T extends { text: string }>(parts: readonly T[], width: number): T[] {
  let used = -", ".length;
  return parts.filter(({ text }) => {
    used += ", ".length + text.length;
    return used <= width;
  });
}

/** Files by form, window, what is read, memory, disk and speed, each with its label. */
export function totalsLines(output: Output, map: ContextMap, advice: string): string[] {
  const facts: [label: string, text: string][] = [
    ["Files", filesText(map)],
    ["Window", windowText(map)],
    ...readFacts(map, advice),
    ["Disk", diskText(map)],
  ];
  const width = longest(facts.map(([label]) => label)) + GAP.length;
  return facts.flatMap(([label, text]) =>
    hanging(label.padEnd(width), text, output.width).map((line, index) =>
      index === 0 ? output.style("bold", line.slice(0, width)) + line.slice(width) : line,
    ),
  );
}

/** How the length of the base was found, one step a paragraph. */
export function arithmeticLines(output: Output, { arithmetic }: ContextMap): string[] {
  const steps = arithmetic.flatMap((sentence) => hanging("- ", sentence, output.width));
  return [output.style("bold", "How the length was chosen"), ...steps];
}

function filesText({ files }: ContextMap): string {
  const parts = FORMS.map((form) => ({ form, some: files.filter((file) => file.form === form) }))
    .filter(({ some }) => some.length > 0)
    .map(({ form, some }) => {
      const amount = some.reduce((sum, { tokens }) => sum + tokens, 0);
      const why = form === "out" ? ` (${reasonsText(some)})` : "";
      return `${count(some.length)} ${form}${isRead(form) ? ` with ${counted(amount, "token")}` : why}`;
    });
  return parts.length === 0 ? "none" : parts.join(", ");
}

function windowText({ totals }: ContextMap): string {
  const { windowTokens, baseTokens, overlayTokens, roomTokens } = totals;
  if (windowTokens === 0) return "none, because no model is loaded";
  const parts: [name: string, tokens: number][] = [
    ["instructions and list of files", totals.frontTokens],
    ["whole files", totals.wholeTokens],
    ["outlines", totals.outlineTokens],
    ["changes", overlayTokens],
  ];
  const named = parts.filter(([, tokens]) => tokens > 0).map(([name, tokens]) => `${name} ${count(tokens)}`);
  const made = named.length === 0 ? "" : ` (${named.join(", ")})`;
  const used = count(baseTokens + overlayTokens);
  return `${used} of ${counted(windowTokens, "token")}${made}, ${count(roomTokens)} left for question and answer`;
}

/** @param advice How the rest is read. */
function readFacts({ totals, model }: ContextMap, advice: string): [label: string, text: string][] {
  const { windowTokens, baseTokens, readTokens, checkpoints } = totals;
  if (windowTokens === 0) return [];
  const soFar = `${count(readTokens)} of ${counted(baseTokens, "token")} so far; ${advice}`;
  const held =
    checkpoints === 0 ? "" : `, ${counted(checkpoints, "checkpoint")} with ${formatBytes(totals.checkpointBytes)}`;
  const speed = totals.prefillTokensPerSecond;
  const isWhole = baseTokens > 0 && readTokens >= baseTokens;
  const facts: [label: string, text: string][] = [
    ["Read", isWhole ? "all of it" : soFar],
    ["Memory", `KV cache ${formatBytes(totals.kvBytes)}${model ? ` in ${model.kvType}` : ""}${held}`],
  ];
  // The first chunks tell too much: without a reading to its end, the speed in the arithmetic is the better one.
  if (isWhole && speed > 0) facts.push(["Speed", `${count(speed)} tokens/s in the last reading`]);
  return facts;
}

function diskText({ totals }: ContextMap): string {
  const { snapshotBytes, allSnapshotBytes, snapshotQuotaBytes } = totals;
  const others = allSnapshotBytes - snapshotBytes;
  const shared = others > 0 ? `, other workspaces ${formatBytes(others)}` : "";
  return `snapshots of this workspace ${formatBytes(snapshotBytes)}${shared}, at most ${snapshotQuotaBytes / GIGABYTE} GB`;
}

function longest(texts: readonly string[]): number {
  return texts.reduce((most, { length }) => Math.max(most, length), 0);
}
