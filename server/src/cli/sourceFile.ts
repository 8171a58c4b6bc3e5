// Reads a file of the workspace the way an editor opens it: text without byte order mark, URI and language id.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { unreadableSentence } from "../systemReasons.ts";
import { UsageError } from "./arguments.ts";
import { pathInside } from "./locations.ts";

const BYTE_ORDER_MARK = "\uFEFF";

/** Language ids of VS Code for extensions that are not the id themselves. */
const LANGUAGE_IDS: Record<string, string> = {
  bash: "shellscript",
  cc: "cpp",
  cjs: "javascript",
  cs: "csharp",
  cxx: "cpp",
  h: "c",
  hh: "cpp",
  hpp: "cpp",
  htm: "html",
  js: "javascript",
  jsx: "javascriptreact",
  kt: "kotlin",
  md: "markdown",
  mjs: "javascript",
  mts: "typescript",
  pl: "perl",
  py: "python",
  rb: "ruby",
  rs: "rust",
  sh: "shellscript",
  ts: "typescript",
  tsx: "typescriptreact",
  yml: "yaml",
};

export interface SourceFile {
  absolutePath: string;
  /** Relative to the workspace folder, with forward slashes. */
  path: string;
  uri: string;
  languageId: string;
  /** Without byte order mark, with the line ends of the file. */
  text: string;
  hasByteOrderMark: boolean;
}

/**
 * @param folder Absolute path of the workspace folder.
 * @param file Path as typed: relative to the current folder, or else to the one to work on, as `search` prints it.
 * @throws UsageError if the file does not exist or lies outside of the folder; a sentence if it is not UTF-8 text.
 */
export async function readSourceFile(folder: string, file: string): Promise<SourceFile> {
  const { absolutePath, path } = find(folder, file);
  const text = decode(file, await readBytesOf(file, absolutePath));
  const hasByteOrderMark = text.startsWith(BYTE_ORDER_MARK);
  return {
    absolutePath,
    path,
    uri: pathToFileURL(absolutePath).href,
    languageId: languageId(path),
    text: hasByteOrderMark ? text.slice(1) : text,
    hasByteOrderMark,
  };
}

/** The bytes to write for a changed text, with the byte order mark that the file had. */
export function encode(file: SourceFile, text: string): string {
  return file.hasByteOrderMark ? BYTE_ORDER_MARK + text : text;
}

/** VS Code's id of the language that a file name stands for; its extension where they are the same. */
export function languageId(path: string): string {
  const extension = extname(path).slice(1).toLowerCase();
  return LANGUAGE_IDS[extension] ?? (extension === "" ? "plaintext" : extension);
}

/** The first place that exists in the folder. */
function find(folder: string, file: string): Pick<SourceFile, "absolutePath" | "path"> {
  const places = [resolve(file), resolve(folder, file)].filter(existsSync);
  if (places.length === 0) throw new UsageError(`There is no file ${file} in ${folder}.`);
  for (const absolutePath of places) {
    const path = pathInside(folder, absolutePath);
    if (path !== undefined) return { absolutePath, path };
  }
  throw new UsageError(`${file} is not in ${folder}; name its folder with --path.`);
}

async function readBytesOf(file: string, absolutePath: string): Promise<Buffer> {
  try {
    return await readFile(absolutePath);
  } catch (error) {
    throw new UsageError(unreadableSentence(file, error));
  }
}

function decode(file: string, bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new Error(`${file} is not UTF-8 text, so it is left alone.`, { cause: error });
  }
}
