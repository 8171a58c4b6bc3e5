// Small pure filters between the model's text and ghost text, in order; each may shorten the text or say why nothing is shown.

export interface CompletionPlace {
  /** Text of the cursor's line before and after the cursor. */
  lineBefore: string;
  lineAfter: string;
  /** Next lines that are not blank, nearest first. */
  following: readonly string[];
  /** The line above that is not blank. */
  above: string;
}

export type Postprocessed = { text: string } | { reason: string };

type Filter = (text: string, place: CompletionPlace) => Postprocessed;

/** Applied in this order. */
const FILTERS: readonly Filter[] = [
  dropArtefacts,
  keepOneLineBeforeText,
  stopAtFollowingLine,
  dropLineEndOverlap,
  dropRepeatedLine,
  dropTrailingSpace,
  dropBlank,
];

/** @returns The text to show, or the reason why there is none. */
export function postprocess(text: string, place: CompletionPlace): Postprocessed {
  let current = text;
  for (const filter of FILTERS) {
    const result = filter(current, place);
    if ("reason" in result) return result;
    current = result.text;
  }
  return { text: current };
}

/** A code fence or a special token's text is chat habit, not code. */
function dropArtefacts(text: string): Postprocessed {
  const end = text.search(/```|<\|\w+\|>|<\/?think>/);
  return { text: end < 0 ? text : text.slice(0, end) };
}

/** With code after the cursor, more lines would tear that code off its line; closers and separators do not count. */
function keepOneLineBeforeText(text: string, { lineAfter }: CompletionPlace): Postprocessed {
  const isCode = !/^[\s)\]}>;,:"'`]*$/.test(lineAfter);
  return { text: isCode ? (text.split("\n", 1)[0] ?? "") : text };
}

/** What already follows is not suggested once more. */
function stopAtFollowingLine(text: string, { following }: CompletionPlace): Postprocessed {
  const next = following[0]?.trim();
  if (next === undefined || next.length < 2) return { text };
  const lines = text.split("\n");
  const at = lines.findIndex((line, index) => index > 0 && line.trim() === next);
  return { text: at < 0 ? text : lines.slice(0, at).join("\n") };
}

/** The end of the suggestion may be what stands after the cursor: `foo(|)` and `bar)`. */
function dropLineEndOverlap(text: string, { lineAfter }: CompletionPlace): Postprocessed {
  const after = lineAfter.trimEnd();
  if (after === "" || text.includes("\n")) return { text };
  for (let length = Math.min(after.length, text.length); length > 0; length--) {
    if (text.endsWith(after.slice(0, length))) return { text: text.slice(0, -length) };
  }
  return { text };
}

/** The whole suggestion repeats the line above or the next one. */
function dropRepeatedLine(text: string, { lineBefore, above, following }: CompletionPlace): Postprocessed {
  const line = `${lineBefore}${text}`.trim();
  if (text.includes("\n") || line === "") return { text };
  if (line === above.trim()) return { reason: "it repeats the line above" };
  if (line === following[0]?.trim()) return { reason: "it repeats the line below" };
  return { text };
}

function dropTrailingSpace(text: string): Postprocessed {
  return { text: text.trimEnd() };
}

function dropBlank(text: string): Postprocessed {
  return text.trim() === "" ? { reason: "the model had nothing to add here" } : { text };
}
