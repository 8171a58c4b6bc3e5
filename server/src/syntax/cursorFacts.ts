// Says what a cursor stands in and behind, in the same words for every language, from the tokens around it.
import type { Node, Tree } from "web-tree-sitter";
import { enclosuresOf } from "./cursorEnclosures.ts";
import * as kinds from "./cursorKinds.ts";
import type { CursorSyntax } from "./cursorMessages.ts";
import { aroundCursor, indentOf, lastInk, lineAt, lineStart, type Path, pathTo } from "./cursorTokens.ts";

/** @param text What the tree was made from. @param offset In UTF-16 units. */
export function cursorFacts(tree: Tree, text: string, offset: number, grammar: string): CursorSyntax {
  const root = tree.rootNode;
  const textKind = textKindAt(pathTo(root, offset - 1), text, offset);
  const around = aroundCursor(root, text, offset, grammar);
  const enclosures = enclosuresOf(around);
  const inside = enclosures[0];
  const first = lineStart(text, offset) + indentOf(lineAt(text, offset));
  return {
    inComment: textKind === "comment",
    inString: textKind === "string",
    inArguments: inside !== undefined && inside.kind !== "block",
    inside,
    block: enclosures.find(({ kind }) => kind === "block"),
    followsComment: followsComment(root, text, offset),
    isBeforeComplete: inside?.isAtStart === true || isComplete(around.before),
    isBroken: first < offset && hasError(pathTo(root, first), pathTo(root, offset - 1)),
  };
}

function textKindAt(path: Path, text: string, offset: number): "comment" | "string" | undefined {
  for (const node of path.toReversed()) {
    const isWithin = node.startIndex < offset && offset < node.endIndex;
    if (kinds.COMMENTS.has(node.type)) {
      const isOpenAtEnd =
        node.endIndex === offset && !/(?:\*\/|-->|\n)$/.test(text.slice(Math.max(0, offset - 3), offset));
      return isWithin || isOpenAtEnd ? "comment" : undefined;
    }
    if (isWithin && node.isNamed && kinds.INTERPOLATIONS.has(node.type)) return undefined;
    if (isWithin && node.isNamed && kinds.STRINGS.has(node.type)) return "string";
  }
  return undefined;
}

function followsComment(root: Node, text: string, offset: number): boolean {
  const start = lineStart(text, offset);
  if (start === 0) return false;
  const above = lineAt(text, start - 1);
  const ink = lastInk(text, start);
  if (above.trim() === "") return false;
  const comment = pathTo(root, ink).find(({ type }) => kinds.COMMENTS.has(type));
  return comment !== undefined && text.slice(lineStart(text, comment.startIndex), comment.startIndex).trim() === "";
}

/** False only where something says so: in broken code most of what is seen is a guess. */
function isComplete(before: Path | undefined): boolean {
  if (before === undefined) return true;
  const token = before.at(-1)!;
  if (token.type === ";" || token.type === "}") return true;
  if (token.type === ":" && /case|default|label|switch/.test(before.at(-2)?.type ?? "")) return true;
  const climbs = (node: Node | undefined) => node?.endIndex === token.endIndex && !node.isError;
  let depth = before.length - 1;
  const isBareHeader = (node: Node | undefined) => token.type === ")" && kinds.BARE_HEADERS.has(node?.type ?? "");
  while (depth > 1 && climbs(before[depth - 1]) && !isBareHeader(before[depth - 1])) depth--;
  const whole = before[depth]!;
  if (isBareHeader(before[depth - 1])) return false;
  if (whole.nextSibling?.isMissing === true) return false;
  return whole.isNamed || kinds.CLOSING.has(whole.type);
}

function hasError(from: Path, to: Path): boolean {
  const common = from.findLastIndex((node, depth) => node.id === to[depth]?.id);
  const smallest = from[common];
  return smallest !== undefined && (smallest.hasError || to.some(({ isError }) => isError));
}
