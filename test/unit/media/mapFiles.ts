// Makes files, trees and whole maps for the tests of the context map.
import { buildTree, type MapNode } from "../../../media/contextMapLayout.ts";
import { FORMS } from "../../../media/contextMapText.ts";
import type { ContextMap, ContextMapFile } from "../../../server/src/protocol/messages.ts";

/** A file that is in the context whole, unless said otherwise. */
export function file(path: string, tokens: number, more: Partial<ContextMapFile> = {}): ContextMapFile {
  return { path, uri: `file:///w/${path}`, form: "whole", tokens, reason: "", ...more };
}

/** The tree of all files, whatever their form. */
export function treeOf(files: readonly ContextMapFile[]): MapNode {
  return buildTree("w", files, new Set(FORMS));
}

/** The files at and below a node, each as often as it is there. */
export function filesBelow(node: MapNode): ContextMapFile[] {
  return node.file === undefined ? node.children.flatMap(filesBelow) : [node.file];
}

/** Totals of a map; nothing is read and no model loaded unless said otherwise. */
export function totals(more: Partial<ContextMap["totals"]> = {}): ContextMap["totals"] {
  return {
    windowTokens: 0,
    baseTokens: 0,
    readTokens: 0,
    wholeTokens: 0,
    outlineTokens: 0,
    frontTokens: 0,
    overlayTokens: 0,
    roomTokens: 0,
    kvBytes: 0,
    checkpoints: 0,
    checkpointBytes: 0,
    snapshotBytes: 0,
    allSnapshotBytes: 0,
    snapshotQuotaBytes: 20e9,
    prefillTokensPerSecond: 0,
    ...more,
  };
}
