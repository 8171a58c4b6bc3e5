// How the command line is called, and the server's sentences in its words: they name settings and commands of an editor.

/** How this command line is called, for hints: through npm it is a script. */
export const FATHOM = process.env.npm_lifecycle_event === undefined ? "fathom" : "npm run fathom --";

const MODEL_LIST = `“${FATHOM} models”`;
const MODEL_ADVICE = `See ${MODEL_LIST}, or pass a model with --model FILE.`;

/** In this order; the only setting of a model here is the option. */
const REPLACEMENTS: readonly [RegExp, string][] = [
  [
    /The setting fathom\.model\.path is "(.*?)", which is neither an absolute path nor an installed model/g,
    "--model is “$1”, which is neither a file that ends in .gguf nor an installed model",
  ],
  [/Choose a model in the list or correct the setting\./g, MODEL_ADVICE],
  [/Choose (?:or download )?(?:a model|one|another file) with Get Model…\./g, MODEL_ADVICE],
  [/Get Model…/g, MODEL_LIST],
  [/Restart it with Restart Engine, or see the log\./g, "Run the command again; --verbose shows the log."],
];

/** @param text A sentence of the server's own, never one of a model or a file. */
export function inCommandWords(text: string): string {
  return REPLACEMENTS.reduce((words, [phrase, replacement]) => words.replace(phrase, replacement), text);
}

/** A sentence about a model that is missing or of no use, with what to do unless it says so itself. */
export function withModelAdvice(sentence: string): string {
  return sentence.includes(MODEL_LIST) ? sentence : `${sentence}\n${MODEL_ADVICE}`;
}
