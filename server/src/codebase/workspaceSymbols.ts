// The editor's own search for symbols, answered from the index.
import { type Connection, SymbolKind, type WorkspaceSymbol } from "vscode-languageserver/node";
import type { Documents } from "../documents.ts";
import type { SymbolKind as IndexedKind } from "../index/symbolRules.ts";
import type { SymbolEntry } from "../index/symbolTable.ts";
import type { SymbolProvider } from "../protocol/messages.ts";
import { asSignal } from "../requests.ts";
import type { SettingsStore } from "../settingsStore.ts";
import type { Workspace } from "./workspace.ts";

/** An editor shows a few dozen and asks again with every letter. */
const MAX_SYMBOLS = 200;

const KINDS: Record<IndexedKind, SymbolKind> = {
  function: SymbolKind.Function,
  method: SymbolKind.Method,
  class: SymbolKind.Class,
  interface: SymbolKind.Interface,
  struct: SymbolKind.Struct,
  enum: SymbolKind.Enum,
  trait: SymbolKind.Interface,
  type: SymbolKind.TypeParameter,
  module: SymbolKind.Module,
  property: SymbolKind.Property,
  constant: SymbolKind.Constant,
  macro: SymbolKind.Constant,
};

export interface WorkspaceSymbolsOptions {
  workspace: Pick<Workspace, "symbols">;
  settings: Pick<SettingsStore, "current">;
  documents: Pick<Documents, "all">;
  /** What else in the editor finds symbols. */
  providers: readonly SymbolProvider[];
  /** @throws RequestError if nothing of the workspace may be read. */
  assertTrusted: () => void;
}

/**
 * Registers `workspace/symbol`. What cannot be answered is answered with nothing: other servers answer besides. An editor
 * shows what all of them give, so files that another one answers for are left to it, or each symbol would be there twice.
 * No editor tells who answers, so the client names those that it knows; each works once a document of its own is open.
 */
export function registerWorkspaceSymbols(connection: Connection, options: WorkspaceSymbolsOptions): void {
  const { workspace, settings, documents, providers, assertTrusted } = options;
  const elsewhere = () => {
    const open = new Set(documents.all().map(({ languageId }) => languageId));
    const working = providers.filter(({ languages }) => languages.some((language) => open.has(language)));
    return working.flatMap(({ endings }) => endings);
  };
  connection.onWorkspaceSymbol(async ({ query }, token) => {
    if (!settings.current.search.workspaceSymbols) return [];
    try {
      assertTrusted();
      const found = await workspace.symbols(query, MAX_SYMBOLS, { without: elsewhere(), signal: asSignal(token) });
      return found.map(asWorkspaceSymbol);
    } catch {
      return [];
    }
  });
}

function asWorkspaceSymbol({ name, kind, container, path, uri, line, endLine = line }: SymbolEntry): WorkspaceSymbol {
  const range = { start: { line, character: 0 }, end: { line: endLine + 1, character: 0 } };
  return { name, kind: KINDS[kind], containerName: container || path, location: { uri, range } };
}
