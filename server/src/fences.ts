// Finds fenced code blocks in a model's answer.

/** An opening fence with its language, at the start of a line. */
const FENCE = /^[ \t]*(`{3,}|~{3,})[^\n`]*\n/m;

/** The first fenced block; without a closing fence, all that follows the opening one. */
export function fencedBlock(answer: string): string | undefined {
  const open = FENCE.exec(answer);
  if (open?.[1] === undefined) return undefined;
  const rest = answer.slice(open.index + open[0].length);
  const close = new RegExp(`^[ \\t]*${open[1]}[ \\t]*$`, "m").exec(rest);
  return close === null ? rest : rest.slice(0, close.index);
}

/** Language of the first fence, lower case; undefined if it names none. */
export function fenceLanguage(answer: string): string | undefined {
  return /^[ \t]*(?:`{3,}|~{3,})[ \t]*([\w+#-]+)/m.exec(answer)?.[1]?.toLowerCase();
}
