// Entry of the language server: finds what ships beside it and speaks LSP over stdio, node IPC or a socket.
import { fileURLToPath } from "node:url";
import { createConnection, ProposedFeatures } from "vscode-languageserver/node";
import { startServer } from "./server.ts";

const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url));

// An editor over node IPC that crashes is noticed at once, so that its next server finds nothing in use.
process.once("disconnect", () => process.exit(1));

startServer(createConnection(ProposedFeatures.all), {
  engineEntry: beside("./engine.mjs"),
  indexEntry: beside("./index.mjs"),
  embedderFile: beside("./models/embedder/code-embedder.bin"),
  syntaxEntry: beside("./syntax.mjs"),
  grammarDir: beside("./grammars"),
  demoModelDir: beside("./models/nano"),
});
