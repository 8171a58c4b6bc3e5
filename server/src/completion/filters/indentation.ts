// Filters that write white space as the file does: its unit of indentation, and none where the cursor stands indented already.
import { lexicalRules, opensBlock } from "../lexicalRules.ts";
import type { Filtered, FilterInput } from "./filter.ts";

/** Of a suggestion in tabs for a file in spaces nothing else is known; a suggestion in spaces shows its own unit. */
const USUAL_SPACES = 4;

/**
 * Tabs for spaces, or spaces for tabs, in every line but the first. Where the file shows no indentation nothing is
 * known better than by the model: a Makefile needs its tabs.
 */
export function useFileIndentation(text: string, { indentUnit }: FilterInput): Filtered {
  const [first = "", ...lines] = text.split("\n");
  if (lines.length === 0 || indentUnit === undefined) return { text };
  const spaces = spacesPerLevel(lines);
  const converted = lines.map((line) => {
    const indent = /^[ \t]*/.exec(line)![0];
    return indentUnit === "\t"
      ? indent.replaceAll(" ".repeat(spaces), "\t") + line.slice(indent.length)
      : indent.replaceAll("\t", indentUnit) + line.slice(indent.length);
  });
  return { text: [first, ...converted].join("\n") };
}

/** The first line begins where the cursor stands: not with the indentation once more, and not with a second space. */
export function fitFirstLine(text: string, { place, indentUnit }: FilterInput): Filtered {
  const { lineBefore, above, languageId } = place;
  const space = /^[ \t]+/.exec(text)?.[0];
  if (space === undefined || lineBefore === "" || text.startsWith(`${space}\n`)) return { text };
  if (lineBefore.trim() !== "") return { text: /\s$/.test(lineBefore) ? text.slice(space.length) : text };
  // The cursor's line is blank: it is as deep as the line above, or one level deeper where a block begins.
  const opens = opensBlock(above, lexicalRules(languageId)) || /[{[(]\s*$/.test(above);
  const wanted = /^[ \t]*/.exec(above)![0] + (opens ? (indentUnit ?? "") : "");
  const missing = wanted.startsWith(lineBefore) ? wanted.slice(lineBefore.length) : "";
  return { text: missing + text.slice(space.length) };
}

export function dropTrailingSpace(text: string, { place }: FilterInput): Filtered {
  const trimmed = text.replace(/[ \t]+$/gm, "");
  // Where a closing bracket stands behind the cursor, a line feed puts it on its own line again.
  const keepsBreak = /^[)\]}]/.test(place.lineAfter) && /\S[\s\S]*\n/.test(trimmed) && /\n[ \t]*$/.test(text);
  if (!keepsBreak) return { text: trimmed.trimEnd() };
  return { text: `${trimmed.trimEnd()}${/\n[ \t]*$/.exec(text)![0]}` };
}

/** The smallest step between two lines. */
function spacesPerLevel(lines: readonly string[]): number {
  const depths = lines.filter((line) => line.trim() !== "").map((line) => /^ */.exec(line)![0].length);
  const steps = depths.filter((depth) => depth >= 2);
  return steps.length === 0 ? USUAL_SPACES : Math.min(USUAL_SPACES, ...steps);
}
