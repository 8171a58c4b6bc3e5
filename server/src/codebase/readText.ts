// The only door from a file on disk to text: decodes, normalises, and refuses what must not or need not be read.
import { isUtf8 } from "node:buffer";
import { createHash, hash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { secretInText, withArticle } from "./secrets.ts";

/** Larger files are data or generated far more often than code; also bounds the work per file. */
export const DEFAULT_MAX_FILE_BYTES = 512 * 1024;

/** Largest file that a `!path` in .fathomignore can bring back, bytes: about a million tokens, which fills any window. */
export const MAX_WANTED_FILE_BYTES = 4 * 1024 * 1024;

/** Part of a file in which a NUL byte or broken UTF-8 marks it as binary, the same as git uses for NUL, bytes. */
const SNIFF_BYTES = 8 * 1024;
/** Share of undecodable characters above which a file is called binary rather than text in another encoding. */
const BINARY_SHARE = 0.1;

/** A line no person wrote, characters. */
const LONGEST_LINE_CHARS = 20_000;
/** Average line above which a text of at least MINIFIED_MIN_CHARS is minified or data, characters. */
const AVERAGE_LINE_CHARS = 250;
const MINIFIED_MIN_CHARS = 5_000;
/** Prose is often written with one line per paragraph. */
const PROSE = /\.(?:md|mdx|markdown|rst|adoc|txt|tex|org)$/i;

/** Generators put their mark near the top, lines. */
const HEADER_LINES = 20;
const COMMENT_START = /^\s*(?:\/\/|\/\*|\*|#|--|;|<!--|%|"""|''')/;
const GENERATED_MARKS = [
  /@generated\b/,
  /\bDO NOT (?:EDIT|MODIFY)\b/,
  /<auto-?generated\b/i,
  /\bthis (?:file|code) (?:is|was|has been) (?:auto|automatically[ -]?)-?generated\b/i,
];

export type TextRead =
  /** `text` without byte order mark and with LF line ends only; `vetted` is the hash of the bytes, which passed the rules. */
  | { text: string; bytes: number; mtimeMs: number; vetted?: string }
  /** Why the file is not read, for people. */
  | { skipped: string };

/**
 * Reads a file as the model shall see it: byte order mark removed; CRLF and CR become LF, so that the same code costs
 * the same tokens on every platform and line numbers agree with the editor; UTF-16 with a byte order mark is decoded.
 * Symbolic links, binary, minified, generated, too large and secret-bearing files are skipped with the reason.
 * @param file `path` is the path for people and for rules by name, `absolutePath` is opened; `wanted` files are read
 *   although they are generated, minified or large; `vetted` is of an earlier read under the same path and wish:
 *   exactly these bytes need not pass the rules again, which takes a third of the time.
 * @param maxFileBytes Largest file to read, bytes; of a wanted one {@link MAX_WANTED_FILE_BYTES}.
 * @returns The text, or why there is none, or undefined if the file does not exist (any more). Never throws.
 */
export async function readTextFile(
  file: { path: string; absolutePath: string; wanted?: boolean; vetted?: string },
  maxFileBytes: number = DEFAULT_MAX_FILE_BYTES,
): Promise<TextRead | undefined> {
  const limit = file.wanted ? Math.max(MAX_WANTED_FILE_BYTES, maxFileBytes) : maxFileBytes;
  const read = await readBytes(file.absolutePath, limit);
  if (read === undefined || "skipped" in read) return read;
  const decoded = decode(read.content);
  if (typeof decoded !== "string") return decoded;
  const text = normalised(decoded);
  const vetted = hash("sha256", read.content, "base64");
  const skipped = vetted === file.vetted ? undefined : reasonAgainst(file.path, text, file.wanted);
  return skipped === undefined ? { text, bytes: read.content.length, mtimeMs: read.mtimeMs, vetted } : { skipped };
}

/** @returns The text without byte order mark and with LF line ends only, as {@link readTextFile} gives that of a file. */
export function normalised(text: string): string {
  const unmarked = text.startsWith("\uFEFF") ? text.slice(1) : text;
  return unmarked.includes("\r") ? unmarked.replace(/\r\n?/g, "\n") : unmarked;
}

/** Names a text by its content. @returns 16 hex digits. */
export function textHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/**
 * The rules for content, also for text that is not on disk, e.g. an unsaved document.
 * @param path Path with forward slashes.
 * @param text The whole text, lines ending with LF.
 * @param wanted The user wants it, whatever it is; a secret stays out all the same.
 * @returns Why this text must not or need not be read; undefined: read it.
 */
export function reasonAgainst(path: string, text: string, wanted = false): string | undefined {
  const secret = secretInText(path, text);
  if (secret !== undefined) return `secret: looks like it holds ${withArticle(secret.kind)} (line ${secret.line})`;
  if (wanted) return undefined;
  if (isGenerated(text)) return "generated (its header says so)";
  if (hasVeryLongLines(path, text)) return "minified or data (very long lines)";
  return undefined;
}

/**
 * Reads a regular file without following a link in its last segment and without waiting on pipes.
 * @param absolutePath The file.
 * @param maxBytes Largest file to read, bytes.
 * @returns The content, or why not, or undefined if there is no such file. Never throws.
 */
export async function readBytes(
  absolutePath: string,
  maxBytes: number,
): Promise<{ content: Buffer; mtimeMs: number } | { skipped: string } | undefined> {
  // Windows has neither flag; there, links are told apart by the directory entry before a file gets here.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  let handle: FileHandle | undefined;
  try {
    handle = await open(absolutePath, flags);
    const stat = await handle.stat();
    if (!stat.isFile()) return { skipped: "not a regular file" };
    if (stat.size > maxBytes) return { skipped: `larger than ${sizeText(maxBytes)} (${sizeText(stat.size)})` };
    return { content: await handle.readFile(), mtimeMs: stat.mtimeMs };
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    return { skipped: unreadableReason(error) };
  } finally {
    await handle?.close();
  }
}

/** Said of a link by who only opens it; the file set says where it leads. */
export const LINK_REASON = "symbolic link (not followed)";

/** @returns Why a file or folder could not be read, for people. */
export function unreadableReason(error: unknown): string {
  const code = errorCode(error);
  if (code === "EACCES" || code === "EPERM") return "cannot be read: permission denied";
  if (code === "ELOOP") return LINK_REASON;
  return `cannot be read: ${code}`;
}

function errorCode(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.message : String(error);
}

function decode(content: Buffer): string | { skipped: string } {
  const first = content[0];
  const second = content[1];
  if (first === 0xff && second === 0xfe) return new TextDecoder("utf-16le").decode(content);
  if (first === 0xfe && second === 0xff) return new TextDecoder("utf-16be").decode(content);
  if (content.includes(0)) return { skipped: "binary" };
  // TextDecoder drops the byte order mark.
  if (isUtf8(content)) return new TextDecoder().decode(content);
  const start = new TextDecoder().decode(content.subarray(0, SNIFF_BYTES));
  const broken = start.split("\uFFFD").length - 1;
  return { skipped: broken > start.length * BINARY_SHARE ? "binary" : "not UTF-8 text" };
}

function isGenerated(text: string): boolean {
  let start = 0;
  for (let line = 0; line < HEADER_LINES && start < text.length; line++) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    const content = text.slice(start, Math.min(end, start + AVERAGE_LINE_CHARS));
    if (COMMENT_START.test(content) && GENERATED_MARKS.some((mark) => mark.test(content))) return true;
    start = end + 1;
  }
  return false;
}

function hasVeryLongLines(path: string, text: string): boolean {
  let nLines = 0;
  let longest = 0;
  for (let start = 0; start < text.length; nLines++) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    longest = Math.max(longest, end - start);
    start = end + 1;
  }
  if (longest > LONGEST_LINE_CHARS) return true;
  return text.length >= MINIFIED_MIN_CHARS && text.length / nLines > AVERAGE_LINE_CHARS && !PROSE.test(path);
}

function sizeText(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
