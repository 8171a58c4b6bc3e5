// The licences of everything that ships, in one file: bundling and pruning leave the packages' own files behind.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

export const LICENSE_FILE = /^(licen[sc]e|notice|copying)(\.|-|$)/i;

const LINE = `\n\n${"-".repeat(72)}\n\n`;

/** Whose a work is and under which licence, where the work itself brings no file that says so. */
interface Work {
  license: "MIT" | "Apache-2.0";
  holders: readonly string[];
}

/** Packages without a licence file, by their names or the beginnings of them; found in their repositories. */
const WITHOUT_FILE: Record<string, Work> = {
  "@fugood/": { license: "MIT", holders: ["Copyright (c) the authors of llama.node, BRICKS"] },
  "@lancedb/": { license: "Apache-2.0", holders: ["Copyright The LanceDB Authors"] },
  "@simple-git/": { license: "MIT", holders: ["Copyright (c) 2025 Steve King"] },
  "simple-git": { license: "MIT", holders: ["Copyright (c) 2025 Steve King"] },
  "@vscode/l10n": { license: "MIT", holders: ["Copyright (c) Microsoft Corporation."] },
};

/** Works inside the packages' binaries, which no package manager knows of. The Rust parts of LanceDB have a file of their own. */
const INSIDE: Record<string, Work> = {
  "llama.cpp and ggml, in @node-llama-cpp and @fugood": {
    license: "MIT",
    holders: ["Copyright (c) 2023-2025 The ggml authors & WaveTensor Studios"],
  },
  "tree-sitter-bash, -cpp, -css, -go, -javascript, -python and -typescript, in @vscode/tree-sitter-wasm": {
    license: "MIT",
    holders: ["Copyright (c) 2014-2018 Max Brunsfeld"],
  },
  "tree-sitter-c-sharp, in @vscode/tree-sitter-wasm": {
    license: "MIT",
    holders: ["Copyright (c) 2014-2023 Max Brunsfeld, Damien Guard, Amaan Qureshi, and contributors."],
  },
  "tree-sitter-java, in @vscode/tree-sitter-wasm": { license: "MIT", holders: ["Copyright (c) 2017 Ayman Nadeem"] },
  "tree-sitter-php, in @vscode/tree-sitter-wasm": {
    license: "MIT",
    holders: [
      "Copyright (c) 2017 Josh Vera, GitHub",
      "Copyright (c) 2019 Max Brunsfeld, Amaan Qureshi, Christian Frøystad, Caleb White",
    ],
  },
  "tree-sitter-powershell, in @vscode/tree-sitter-wasm": {
    license: "MIT",
    holders: ["Copyright (c) 2023 Airbus CERT"],
  },
  "tree-sitter-ruby, in @vscode/tree-sitter-wasm": { license: "MIT", holders: ["Copyright (c) 2016 Rob Rix"] },
  "tree-sitter-rust, in @vscode/tree-sitter-wasm": { license: "MIT", holders: ["Copyright (c) 2017 Maxim Sokolov"] },
  "tree-sitter-ini, in @vscode/tree-sitter-wasm": { license: "Apache-2.0", holders: ["Copyright Justin M. Keyes"] },
};

/** What the licence asks to be repeated; the text of the second one ships as Fathom's own. */
const TEXTS: Record<Work["license"], string> = {
  MIT: `MIT License

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`,
  "Apache-2.0": "Licensed under the Apache License, Version 2.0; its text is in LICENSE.txt beside this file.",
};

/**
 * The notices of what ships, sorted by name.
 * @param folders Folders of the packages.
 * @throws Error for a package that brings no licence file and is not known here: it must not ship without one.
 */
export async function noticesOf(folders: readonly string[]): Promise<string> {
  const notices = new Map<string, string>();
  for (const folder of folders) {
    const { name, version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const title = `${name} ${version}`;
    notices.set(title, [`${title} (${license})`, await licenceOf(folder, name, license)].join("\n\n"));
  }
  for (const [title, work] of Object.entries(INSIDE)) {
    notices.set(title, [`${title} (${work.license})`, textOf(work)].join("\n\n"));
  }
  const sorted = [...notices].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, notice]) => notice);
  return `${sorted.join(LINE)}\n`;
}

async function licenceOf(folder: string, name: string, license: string): Promise<string> {
  const files = (await readdir(folder)).filter((file) => LICENSE_FILE.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
  if (texts.length > 0) return texts.map((text) => text.trim()).join("\n\n");
  const known = Object.entries(WITHOUT_FILE).find(([beginning]) => name.startsWith(beginning))?.[1];
  if (known?.license === license) return textOf(known);
  throw new Error(`${name} (${license}) brings no licence file. Look up whose it is and name it in notices.ts.`);
}

function textOf({ license, holders }: Work): string {
  return [holders.join("\n"), TEXTS[license]].join("\n\n");
}
