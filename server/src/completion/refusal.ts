// Says why a place gets no inline completion whatever the model would say: switched off, not open, or not to be read.
import ignore from "ignore";
import { normalised, reasonAgainst } from "../codebase/readText.ts";
import { secretByName } from "../codebase/secrets.ts";
import type { FathomSettings } from "../protocol/settings.ts";

export interface Subject {
  uri: string;
  /** Path within the workspace, for people. */
  path: string;
  languageId: string;
  text: string;
}

/** @returns The end of a sentence that begins with "nothing is shown, because", or undefined. */
export function refusalOf(subject: Subject, settings: FathomSettings["completion"]): string | undefined {
  const { uri, path, languageId, text } = subject;
  if (!settings.enabled) return "inline completion is switched off (fathom.completion.enabled)";
  if (!isOnFor(languageId, settings.languages)) {
    return `inline completion is switched off for ${languageId} (fathom.completion.languages)`;
  }
  if (isExcluded(path, settings.exclude)) return `${path} is excluded (fathom.completion.exclude)`;
  // By the whole path: a credential store's folder says more than the file's name.
  const secret = secretByName(fullPath(uri));
  if (secret !== undefined) return `${path} may hold secrets (${secret}), so it is not read`;
  // Whoever has a generated file open wants to write in it; secrets stay out all the same.
  const refused = reasonAgainst(path, normalised(text), true);
  return refused === undefined ? undefined : `${path} is not read: ${refused}`;
}

function isOnFor(languageId: string, languages: Record<string, boolean>): boolean {
  const own = Object.hasOwn(languages, languageId) ? languages[languageId] : undefined;
  return own ?? languages["*"] ?? true;
}

function isExcluded(path: string, patterns: readonly string[]): boolean {
  if (patterns.length === 0 || !ignore.isPathValid(path)) return false;
  return ignore().add(patterns).ignores(path);
}

function fullPath(uri: string): string {
  try {
    return decodeURIComponent(uri.replace(/^file:\/\//, ""));
  } catch {
    // Not encoded as it should be: taken as it is.
    return uri;
  }
}
