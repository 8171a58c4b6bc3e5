// Reads places that people type, FILE:LINE:COL and FILE:START-END, and turns them into positions of LSP; knows no server.
import { isAbsolute, relative, sep } from "node:path";

/** A cursor, with LSP's 0-based line and UTF-16 character. */
export interface CursorPlace {
  file: string;
  line: number;
  character: number;
}

/** Lines of a file, 0-based and inclusive; without lines the whole file. */
export interface LinesPlace {
  file: string;
  lines?: { start: number; end: number };
}

/**
 * Reads `FILE:LINE:COL`. The file itself may contain colons: the numbers are taken from the end.
 * @param text 1-based line and column, as editors show them.
 * @returns The cursor, or a sentence about what is wrong.
 */
export function parseCursorPlace(text: string): CursorPlace | string {
  const match = /^(?<file>.+):(?<line>\d+):(?<column>\d+)$/.exec(text);
  const { file, line, column } = match?.groups ?? {};
  if (file === undefined) return `“${text}” is not FILE:LINE:COL, for example src/main.ts:12:5.`;
  if (Number(line) < 1 || Number(column) < 1) return "Lines and columns are counted from 1.";
  return { file, line: Number(line) - 1, character: Number(column) - 1 };
}

/**
 * Reads `FILE`, `FILE:LINE` or `FILE:START-END`.
 * @param text 1-based inclusive lines.
 * @returns The lines, or a sentence about what is wrong.
 */
export function parseLinesPlace(text: string): LinesPlace | string {
  const match = /^(?<file>.+?):(?<start>\d+)(?:-(?<end>\d+))?$/.exec(text);
  const { file, start, end } = match?.groups ?? {};
  if (file === undefined) return text === "" ? "The name of the file is missing." : { file: text };
  const lines = { start: Number(start) - 1, end: Number(end ?? start) - 1 };
  if (lines.start < 0 || lines.end < 0) return "Lines are counted from 1.";
  if (lines.end < lines.start) return `In “${text}” the last line comes before the first.`;
  return { file, lines };
}

/**
 * @param folder Absolute path of the workspace folder.
 * @param file Absolute path.
 * @returns The path relative to the folder with forward slashes; undefined if the file lies outside of it.
 */
export function pathInside(folder: string, file: string): string | undefined {
  const path = relative(folder, file);
  const outside = path === "" || path === ".." || path.startsWith(`..${sep}`) || isAbsolute(path);
  return outside ? undefined : path.split(sep).join("/");
}
