// The editor's own excludes (`files.exclude`, `search.exclude`): asks for them and matches paths by the editor's globs, which are not those of .gitignore.
import { type Connection, ResponseError } from "vscode-languageserver/node";
import { fileUri } from "../uris.ts";
import type { WorkspaceFolder } from "./workspaceFile.ts";

export const EXCLUDE_SECTIONS = ["files.exclude", "search.exclude"] as const;

/** Longer patterns are a mistake or an attack, characters. */
const MAX_GLOB_CHARS = 1000;

/** Names are compared without case where the file system usually does so. */
const FLAGS = process.platform === "win32" || process.platform === "darwin" ? "is" : "s";

/** The excludes of one workspace folder. */
export class EditorExcludes {
  readonly #rules: { section: string; glob: string; pattern: RegExp }[] = [];

  /**
   * @param settings Value of each setting by its name: an object of globs. Only globs with the value `true` count: `false`
   *   switches one off, and a condition (`{ "when": … }`) is about showing a file beside another, not about its worth.
   */
  constructor(settings: Partial<Record<(typeof EXCLUDE_SECTIONS)[number], unknown>>) {
    for (const section of EXCLUDE_SECTIONS) {
      const value = settings[section];
      if (typeof value !== "object" || value === null) continue;
      for (const [glob, on] of Object.entries(value)) {
        const pattern = on === true ? globPattern(glob) : undefined;
        if (pattern !== undefined) this.#rules.push({ section, glob, pattern });
      }
    }
  }

  /**
   * @param path Relative to the workspace folder, forward slashes; of a folder, with a slash at the end. What is below an
   *   excluded folder is not matched by itself.
   * @returns Which setting leaves it out, for people; undefined: none does.
   */
  reasonAgainst(path: string): string | undefined {
    const plain = path.endsWith("/") ? path.slice(0, -1) : path;
    const rule = this.#rules.find(({ pattern }) => pattern.test(plain));
    return rule === undefined ? undefined : `excluded by ${rule.section} (${rule.glob})`;
  }
}

/**
 * Asks the editor for its excludes, for each folder by itself. Only for clients that support `workspace/configuration`.
 * @returns By the absolute path of the folder. A client that answers with an error has none.
 * @throws When the connection is gone.
 */
export async function readEditorExcludes(
  connection: Connection,
  folders: readonly WorkspaceFolder[],
): Promise<Map<string, EditorExcludes>> {
  const excludes = new Map<string, EditorExcludes>();
  for (const { path } of folders) {
    const items = EXCLUDE_SECTIONS.map((section) => ({ section, scopeUri: fileUri(path) }));
    const values: unknown = await connection.workspace.getConfiguration(items).catch(noneIfRefused);
    const [files, search] = Array.isArray(values) ? values : [];
    excludes.set(path, new EditorExcludes({ "files.exclude": files, "search.exclude": search }));
  }
  return excludes;
}

function noneIfRefused(error: unknown): undefined {
  if (!(error instanceof ResponseError)) throw error;
}

/**
 * Translates a glob of the editor: `*` and `?` stay within a segment, `**` spans segments, `{a,b}` are alternatives,
 * `[a-z]` and `[!a]` are characters. A glob is anchored at the folder: `*.js` means the top level only.
 * @returns Undefined for a pattern that can match nothing sensible.
 */
export function globPattern(glob: string): RegExp | undefined {
  const trimmed = glob.replace(/^\.?\/+|\/+$/g, "");
  if (trimmed === "" || trimmed.length > MAX_GLOB_CHARS) return undefined;
  let source = "";
  let depth = 0;
  for (let at = 0; at < trimmed.length; ) {
    const piece = globPiece(trimmed, at, depth);
    source += piece.source;
    depth += piece.deeper;
    at = piece.next;
  }
  try {
    return new RegExp(`^(?:${source}${")".repeat(depth)})$`, FLAGS);
  } catch {
    // E.g. a range from z to a: the editor matches nothing with it either.
    return undefined;
  }
}

interface Piece {
  source: string;
  /** Where the rest of the glob begins. */
  next: number;
  /** Change of the number of open braces. */
  deeper: number;
}

function globPiece(glob: string, at: number, depth: number): Piece {
  const piece = (source: string, length = 1, deeper = 0): Piece => ({ source, next: at + length, deeper });
  const rest = glob.slice(at);
  const startsSegment = at === 0 || /[/{,]/.test(glob.charAt(at - 1));
  const ending = depth > 0 ? /^\/?\*\*+(?=$|[,}])/ : /^\/?\*\*+$/;
  const tail = ending.exec(rest);
  // What is below a folder, and the folder itself.
  if (tail !== null && rest.startsWith("/")) return piece("(?:/.*)?", tail[0].length);
  if (tail !== null && startsSegment) return piece(".*", tail[0].length);
  const span = /^\*\*+\//.exec(rest);
  if (span !== null && startsSegment) return piece("(?:[^/]+/)*", span[0].length);
  const stars = /^\*+/.exec(rest);
  if (stars !== null) return piece("[^/]*", stars[0].length);
  const characters = /^\[([!^]?)([^\]]+)\]/.exec(rest);
  if (characters !== null) {
    const members = (characters[2] ?? "").replace(/[\\[^/]/g, "\\$&");
    return piece(characters[1] === "" ? `[${members}]` : `[^/${members}]`, characters[0].length);
  }
  if (rest.startsWith("?")) return piece("[^/]");
  if (rest.startsWith("{")) return piece("(?:", 1, 1);
  if (rest.startsWith("}") && depth > 0) return piece(")", 1, -1);
  if (rest.startsWith(",") && depth > 0) return piece("|");
  return piece(rest.charAt(0).replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
}
