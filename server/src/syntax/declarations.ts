// Walks a syntax tree down to its declarations, and never into the bodies of functions.
import type { Node } from "web-tree-sitter";
import type { Excerpts, Stretch } from "./excerpts.ts";
import type { DeclarationRule, LanguageRules } from "./languageRules.ts";

/** A declaration with what stands in it. Offsets are in characters. */
export interface Declaration {
  start: number;
  end: number;
  /** Where its head ends, which is what an outline shows: before the body, or at the end where all is shown. */
  headEnd: number;
  /** The block of comments above, or the documentation string inside. */
  doc?: Stretch;
  members: Declaration[];
}

/** A "compact" declaration up to this length is shown whole; about two lines of an editor. */
const COMPACT_CHARS = 240;
/** Declarations nested deeper are left out: no person writes them, and recursion has an end. */
const MAX_DEPTH = 24;
/** Stands around what could not be parsed; declarations in it may be whole. */
const BROKEN = "ERROR";
/** What stands at the top for tools only: interpreter, encoding, strictness. Documentation can follow it. */
const FOR_TOOLS =
  /^(#!|#.*\b(coding[:=]|frozen_string_literal)|#pragma once|<\?php$|declare\(strict_types|["']use \w+["'];?$)/;
/** Stand between a documentation comment and what it documents. */
const ATTACHED = /attribute|decorator|annotation/;

export class DeclarationWalker {
  readonly #rules: LanguageRules;
  readonly #excerpts: Excerpts;

  constructor(rules: LanguageRules, excerpts: Excerpts) {
    this.#rules = rules;
    this.#excerpts = excerpts;
  }

  /** Declarations among a node's children, in the order of the text. */
  declarationsIn(parent: Node, depth = 0): Declaration[] {
    return this.#declarationsAmong(parent.namedChildren, depth);
  }

  #declarationsAmong(nodes: readonly Node[], depth: number): Declaration[] {
    if (depth > MAX_DEPTH) return [];
    const found: Declaration[] = [];
    let doc: Stretch | undefined;
    let docEnd = 0;
    for (const child of nodes) {
      if (isComment(child)) {
        const stretch = { start: child.startIndex, end: child.endIndex };
        if (doc === undefined || !this.#excerpts.isAbove({ start: doc.start, end: docEnd }, stretch.start)) {
          doc = this.#excerpts.beginsLine(stretch.start) ? stretch : undefined;
        } else if (doc.end === docEnd) {
          doc = { start: doc.start, end: stretch.end };
        }
        docEnd = stretch.end;
        continue;
      }
      if (this.#rules.declarations[child.type] === undefined && ATTACHED.test(child.type)) {
        docEnd = child.endIndex;
        continue;
      }
      const declarations = this.#declarationsOf(child, depth, false);
      const first = declarations[0];
      if (first !== undefined && doc !== undefined && first.doc === undefined) {
        if (this.#excerpts.isAbove({ start: doc.start, end: docEnd }, first.start)) first.doc = doc;
      }
      found.push(...declarations);
      doc = undefined;
    }
    return found;
  }

  #declarationsOf(node: Node, depth: number, isWrapped: boolean): Declaration[] {
    if (node.type === BROKEN) return this.declarationsIn(node, depth + 1);
    const rule = this.#rules.declarations[node.type];
    if (rule === undefined) return [];
    if (rule.show === "inside") return this.declarationsIn(node, depth + 1);
    if (rule.show === "wrapper") return this.#wrapped(node, rule, depth);
    const { startIndex: start, endIndex: end } = node;
    if (rule.when !== undefined && !rule.when.test(this.#excerpts.line(start, end, COMPACT_CHARS))) return [];
    return this.#shown(node, rule, depth, isWrapped);
  }

  #wrapped(node: Node, rule: DeclarationRule, depth: number): Declaration[] {
    if (depth > MAX_DEPTH) return [];
    const inner = node.namedChildren.flatMap((child) => this.#declarationsOf(child, depth + 1, true));
    const { startIndex: start, endIndex: end } = node;
    if (inner.length > 0)
      return inner.map((declaration, index) => (index === 0 ? { ...declaration, start, end } : declaration));
    return rule.alone === true ? [{ start, end, headEnd: this.#excerpts.lineEnd(start, end), members: [] }] : [];
  }

  #shown(node: Node, rule: DeclarationRule, depth: number, isWrapped: boolean): Declaration[] {
    const { startIndex: start, endIndex: end } = node;
    const whole: Declaration = { start, end, headEnd: end, members: [] };
    if (rule.show === "whole") return [whole];
    const firstLine = this.#excerpts.lineEnd(start, end);
    if (rule.show === "line") return [{ ...whole, headEnd: firstLine }];
    const body = bodyOf(node, rule);
    if (rule.show === "constant") {
      if (body === undefined && !isWrapped) return [];
      return [{ ...whole, headEnd: body?.startIndex ?? firstLine }];
    }
    if (body === undefined) return [whole];
    if (rule.show === "compact" && this.#excerpts.line(start, end, COMPACT_CHARS + 1).length <= COMPACT_CHARS)
      return [whole];
    const headEnd = body.id === node.id ? firstLine : body.startIndex;
    const members = rule.show === "signature" ? [] : this.#declarationsAmong(withCommentsBefore(node, body), depth + 1);
    const doc = this.#rules.docstrings === true ? documentationString(body) : undefined;
    return [{ ...whole, headEnd, members, ...(doc === undefined ? {} : { doc }) }];
  }
}

/** Documentation of a file: the string or the block of comments that stands at the top, behind lines for tools. */
export function documentationOfFile(root: Node, rules: LanguageRules): Stretch | undefined {
  const string = rules.docstrings === true ? documentationString(root) : undefined;
  if (string !== undefined) return string;
  const children = root.namedChildren;
  const top = children.findIndex(({ text }) => !FOR_TOOLS.test(text));
  if (top === -1 || !isComment(children[top]!)) return undefined;
  let last = top;
  while (goesOn(children[last]!, children[last + 1])) last++;
  return { start: children[top]!.startIndex, end: children[last]!.endIndex };
}

function documentationString(body: Node): Stretch | undefined {
  const first = body.namedChildren.find((child) => !isComment(child));
  const string = first?.type === "expression_statement" ? first.firstNamedChild : null;
  return string?.type === "string" ? { start: string.startIndex, end: string.endIndex } : undefined;
}

/** Some grammars put the comments above the first member before the body. */
function withCommentsBefore(node: Node, body: Node): Node[] {
  const before = node.namedChildren.filter((child) => isComment(child) && child.endIndex <= body.startIndex);
  return [...before, ...body.namedChildren];
}

function bodyOf(node: Node, rule: DeclarationRule): Node | undefined {
  for (const way of rule.body ?? ["body"]) {
    const body = way === "." ? node : way.split(".").reduce<Node | undefined>(step, node);
    if (body !== undefined) return body;
  }
  return undefined;
}

function step(node: Node | undefined, name: string): Node | undefined {
  return node?.childForFieldName(name) ?? node?.namedChildren.find((child) => child.type === name);
}

function goesOn(comment: Node, next: Node | undefined): boolean {
  return next !== undefined && isComment(next) && next.startPosition.row <= comment.endPosition.row + 1;
}

function isComment(node: Node): boolean {
  return node.type.endsWith("comment");
}
