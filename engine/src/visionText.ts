// Text that goes into the vision runtime and comes out of it: made harmless, watched for loops, cleaned; knows no process.

/**
 * Texts that the runtime could take for one token: `<|name|>`, `<tool_call>`, `</think>` and the like, and `<__media__>`,
 * which stands for a picture. Qwen3.5's names in angle brackets all have an underscore, except `think`.
 */
const SPECIAL = /<(?=\|[^\s|<>]{1,64}\|>|\/?(?:think|[A-Za-z]\w*_\w*|__\w+__)>)/g;

/** Zero-width joiner: changes nothing on the page and is part of no special token. */
const JOINER = "\u200d";

/** Ten times forty characters: a table of equal cells is shorter or has longer rows; a model in a loop gets there soon. */
const REPETITION_CHARACTERS = 400;
const MAX_PERIOD_CHARACTERS = 40;

/** Halves of UTF-16 pairs without the other half: no text, and the runtime's JSON reader refuses them. */
const LONE_SURROGATE = /\p{Surrogate}/gu;
const REPLACEMENT = "\ufffd";

/** Enough for an assertion, its file and the line before. */
const MAX_ERROR_LINES = 3;
const MAX_ERROR_LINE_CHARACTERS = 300;

/**
 * What crashing native code or Node writes last: `file.cpp:12: GGML_ASSERT(…)`, `terminate called …`, `llama_…: failed …`.
 * The pattern is narrow because the runtime writes the user's prompt to the same stream.
 */
const ERROR_LINE =
  /^(?:\S+\.(?:c|cc|cpp|cu|h|hpp|m|mm):\d+: |terminate called|\s+what\(\):|CUDA error|FATAL ERROR|\w*Error\b.*: |(?:llama|ggml|gguf|clip|mtmd)\w*: .*(?:error|fail|abort|corrupt|out of memory))/i;

/** An absolute path up to its last part, which stays. */
const PATH = /(?:file:\/\/)?(?:[A-Za-z]:)?(?:[\\/][^\\/\s:'"()]+)*[\\/](?=[^\\/\s:'"()]+)/g;

/**
 * Makes special-looking text plain. The runtime renders the chat template itself and recognises special tokens in the
 * whole of it, so a zero-width joiner after the bracket keeps those of the user apart.
 * @returns The text with every special-looking part broken and lone surrogates replaced; nothing else is changed.
 */
export function neutraliseSpecials(text: string): string {
  return text.replace(LONE_SURROGATE, REPLACEMENT).replace(SPECIAL, `<${JOINER}`);
}

/**
 * @param text The answer so far.
 * @returns True if its last 400 characters are one text of at most 40 characters over and over.
 */
export function repeatsItself(text: string): boolean {
  if (text.length < REPETITION_CHARACTERS) return false;
  const end = text.slice(-REPETITION_CHARACTERS);
  for (let period = 1; period <= MAX_PERIOD_CHARACTERS; period++) {
    if (end.startsWith(end.slice(period))) return true;
  }
  return false;
}

/**
 * @param log What the process has written to its error stream.
 * @returns The last lines about errors, without folders, joined by spaces; empty if there are none.
 */
export function lastErrors(log: string): string {
  return log
    .split(/\r?\n/)
    .filter((line) => ERROR_LINE.test(line))
    .slice(-MAX_ERROR_LINES)
    .map((line) => line.trim().replace(PATH, "").slice(0, MAX_ERROR_LINE_CHARACTERS))
    .join(" ");
}
