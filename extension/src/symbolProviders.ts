// Which other extensions find symbols of the workspace, and in which files; knows no editor.
import type { SymbolProvider } from "../../server/src/protocol/messages.ts";

/** VS Code has no list of those that answer, so this one has the usual ones: its own, and one or two of each language. */
const PROVIDERS: readonly (SymbolProvider & { extensions: readonly string[] })[] = [
  {
    extensions: ["vscode.typescript-language-features"],
    languages: ["typescript", "typescriptreact", "javascript", "javascriptreact"],
    endings: ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs"],
  },
  { extensions: ["vscode.markdown-language-features"], languages: ["markdown"], endings: ["md"] },
  { extensions: ["ms-python.vscode-pylance", "ms-python.python"], languages: ["python"], endings: ["py", "pyi"] },
  { extensions: ["golang.go"], languages: ["go"], endings: ["go"] },
  { extensions: ["rust-lang.rust-analyzer"], languages: ["rust"], endings: ["rs"] },
  { extensions: ["redhat.java"], languages: ["java"], endings: ["java"] },
  {
    extensions: ["ms-vscode.cpptools", "llvm-vs-code-extensions.vscode-clangd"],
    languages: ["c", "cpp"],
    endings: ["c", "h", "cc", "cpp", "cxx", "hh", "hpp", "hxx"],
  },
  { extensions: ["ms-dotnettools.csharp"], languages: ["csharp"], endings: ["cs"] },
  { extensions: ["shopify.ruby-lsp"], languages: ["ruby"], endings: ["rb"] },
  { extensions: ["bmewburn.vscode-intelephense-client"], languages: ["php"], endings: ["php"] },
];

/**
 * @param isInstalled Whether an extension is there and not switched off, by its id.
 * @returns What besides Fathom answers a search for symbols.
 */
export function symbolProviders(isInstalled: (extension: string) => boolean): SymbolProvider[] {
  const present = PROVIDERS.filter(({ extensions }) => extensions.some(isInstalled));
  return present.map(({ languages, endings }) => ({ languages, endings }));
}
