// Lets the runtime find packages with binaries that were downloaded later, outside its node_modules; fetches nothing.
import { existsSync } from "node:fs";
import module from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Packages of node-llama-cpp with binaries for one kind of machine. */
const BINARIES = /^@node-llama-cpp\/[\w-]+$/;

/**
 * From now on, a package with binaries that is not installed beside the runtime is looked for in a folder. The runtime
 * itself compares versions and falls back to what it has. Without effect before Node.js 22.15.
 * @param folder Holds packages as a node_modules does; need not exist.
 */
export function findLaterPackagesIn(folder: string): void {
  module.registerHooks?.({
    resolve(specifier, context, nextResolve) {
      try {
        return nextResolve(specifier, context);
      } catch (error) {
        const entry = join(folder, specifier, "dist", "index.js");
        if (!BINARIES.test(specifier) || !existsSync(entry)) throw error;
        return { url: pathToFileURL(entry).href, shortCircuit: true };
      }
    },
  });
}
