// One spelling for each file uri: editors encode the same path differently (`%28`, `c%3A`), and lookups must not care.
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * @param uri As a client spells it.
 * @returns Node's spelling of a file uri, with a small drive letter; any other uri as it is.
 */
export function canonicalUri(uri: string): string {
  if (!uri.startsWith("file:")) return uri;
  try {
    return fileUri(fileURLToPath(uri));
  } catch {
    // A file uri with a host has no path on this system; it then names no file of the workspace either.
    return uri;
  }
}

/** @param path Absolute path. */
export function fileUri(path: string): string {
  return pathToFileURL(path).href.replace(/^file:\/\/\/[A-Z]:/, (start) => start.toLowerCase());
}
