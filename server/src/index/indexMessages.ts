// Messages between the server and its index process, and what both sides say of the index; types only.
import type { LeftOut, WorkspaceFile } from "../codebase/workspaceFile.ts";
import type { EmbeddingProgress, IndexStatus, Place } from "../protocol/messages.ts";
import type { IndexedText, IndexStatistics } from "./codeIndex.ts";
import type { SymbolEntry } from "./symbolTable.ts";

/** What the process is started with. */
export interface IndexProcessOptions {
  /** Folder of the index of this workspace; made if need be. */
  folder: string;
  /** Mark of the process that owns this one. */
  owner: string;
  /** File of the code embedder. */
  embedderFile: string;
  /** Script of the parsing thread, which is one of its own. */
  syntaxEntry: string;
  grammarDir: string;
}

/** The whole workspace, as it is now. */
export interface IndexSource {
  files: readonly WorkspaceFile[];
  /** Texts that stand for those on disk, by path: open documents. */
  texts: ReadonlyMap<string, string>;
}

export interface SearchCall {
  query: string;
  limit: number;
  /** Weights of open and mentioned files, by path. */
  focus: ReadonlyMap<string, number>;
  /** Wait until everything is indexed, however long that takes. */
  whole: boolean;
}

/** The embedding model whose vectors are searched; another identity is another set of them. */
export interface EmbeddingChoice {
  identity: string;
  dimensions: number;
  name: string;
}

/** Texts whose vectors the index process wants of the engine, which only the server speaks to. */
export interface EmbedTexts {
  texts: readonly string[];
  role: "query" | "document";
}

export interface SymbolsCall {
  query: string;
  limit: number;
  /** Endings of files, without dots, whose symbols are not wanted. */
  without?: readonly string[];
}

export interface IndexReport extends IndexStatistics {
  totalFiles: number;
  /** Size on disk, bytes; 0 if the index is kept in memory. */
  bytes: number;
}

/** What each call takes and gives. */
export interface IndexCalls {
  /** Gives, once everything is indexed, what could not be. */
  collect: { params: IndexSource; result: LeftOut[] };
  put: { params: { texts: readonly IndexedText[] }; result: null };
  remove: { params: { paths: readonly string[] }; result: null };
  search: { params: SearchCall; result: Place[] };
  symbols: { params: SymbolsCall; result: SymbolEntry[] };
  /** Definitions of exactly these names. */
  named: { params: { names: readonly string[] }; result: SymbolEntry[] };
  /** Paths of the files that this one imports. */
  imported: { params: { path: string }; result: string[] };
  /** Fills in and searches this model's vectors from now on; null: the bundled embedder's. */
  embedWith: { params: EmbeddingChoice | null; result: null };
  /** Once everything is indexed. */
  statistics: { params: null; result: IndexReport };
  /** Puts everything away; the process can be ended then. */
  close: { params: null; result: null };
}

export type IndexMethod = keyof IndexCalls;

export type ToIndexProcess =
  | { id: number; method: IndexMethod; params: IndexCalls[IndexMethod]["params"] }
  /** Takes a call back; it is then answered with an error. */
  | { cancel: number }
  | { embedded: number; vectors: Float32Array[] }
  | { embedded: number; error: string };

export type FromIndexProcess =
  | { id: number; result: IndexCalls[IndexMethod]["result"] }
  | { id: number; error: string }
  | { progress: Omit<IndexStatus, "phase" | "bytes" | "embedding"> }
  | { embedding: EmbeddingProgress }
  /** To be answered with `embedded`. */
  | ({ embed: number } & EmbedTexts)
  | { cancelEmbed: number }
  /** A sentence for people: what is not as it should be, though everything works. */
  | { notice: string };
