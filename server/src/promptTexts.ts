// Loads the prompt texts that stand in prompts/*.md beside this file (copied beside the bundle by the build).
import { readFileSync } from "node:fs";

const loaded = new Map<string, string>();

/**
 * @param name File name without `.md` in `prompts/`.
 * @param values Replacements for `{{name}}` marks; a mark without a value stays visible, so that it is noticed.
 * @returns The text without trailing white space.
 */
export function promptText(name: string, values: Record<string, string> = {}): string {
  let text = loaded.get(name);
  if (text === undefined) {
    text = readFileSync(new URL(`./prompts/${name}.md`, import.meta.url), "utf8").trimEnd();
    loaded.set(name, text);
  }
  return text.replace(/\{\{(\w+)\}\}/g, (mark, key: string) => values[key] ?? mark);
}
