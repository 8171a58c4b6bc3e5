// Tests the outlines and names of samples in formats that are read by their lines.
import { describeSamples, type Sample } from "./samples.ts";

const SAMPLES: Sample[] = [
  {
    name: "TOML",
    path: "src/Cargo.toml",
    code: `title = "x"
[package]
name = "shop"
[[bin]]
  [indented]
[dependencies.serde]
`,
    outline: `
[package]
[[bin]]
[dependencies.serde]
`,
    definitions: "",
    references: "",
    imports: [],
  },
  {
    name: "YAML",
    path: "src/ci.yaml",
    code: `# Pipeline.
name: ci
"on": [push]
jobs:
  build:
    steps: []
- item: 1
x.y/z-1:
`,
    outline: `
name
"on"
jobs
x.y/z-1
`,
    definitions: "",
    references: "",
    imports: [],
  },
  {
    name: "Markdown",
    path: "src/guide.md",
    code: [
      "# Guide",
      "",
      "Text.",
      "",
      "## Install ##",
      "```sh",
      "# not a heading",
      "```",
      "",
      "~~~~",
      "## nor this",
      "```",
      "~~~~",
      "### Run",
      "    # code",
      "#tag",
      "",
    ].join("\n"),
    outline: `
# Guide
## Install ##
### Run
`,
    definitions: "",
    references: "",
    imports: [],
  },
  {
    name: "JSON",
    path: "src/package.json",
    code: String.raw`{
  "name": "shop", // comment with "a": 1
  "scripts": { "build": "x", "nested": { "deep": 1 } },
  "files": ["a", { "b": 1 }],
  "with \"quotes\"": true
}
`,
    outline: String.raw`
"name"
"scripts"
"files"
"with \"quotes\""
`,
    definitions: "",
    references: "",
    imports: [],
  },
];

describeSamples("formats that are read by their lines", SAMPLES);
