// The tables of line patterns by which definitions are recognised in each language; symbols.ts applies them.

export type SymbolKind =
  | "function"
  | "method"
  | "class"
  | "interface"
  | "struct"
  | "enum"
  | "trait"
  | "type"
  | "module"
  | "property"
  | "constant"
  | "macro";

export interface SymbolRule {
  /** "scope" is a block that is no definition of its own but whose functions are methods. */
  kind: SymbolKind | "scope";
  /** Group 1 is the name. Each part can match in one way only, so that no line takes more than linear time. */
  pattern: RegExp;
  /** The block's content is usually not indented, so that its end cannot be seen. */
  flat?: true;
  /** The signature goes on below: a definition only if the line that closes it opens a block. */
  open?: true;
}

export interface Language {
  rules: SymbolRule[];
  comments: "slash" | "hash";
}

/** Statements of the shape `word (…) {`: never the name of a definition. */
export const NOT_NAMES: ReadonlySet<string> = new Set(
  "if else for foreach while do switch catch elif return function synchronized".split(" "),
);

const rule = (kind: SymbolRule["kind"], pattern: RegExp): SymbolRule => ({ kind, pattern });
const flat = (kind: SymbolRule["kind"], pattern: RegExp): SymbolRule => ({ kind, pattern, flat: true });

/** `Type name(` and `modifier Type<A, B> name(`, not `return name(`: the shape of functions in the C family. */
const NOT_TYPES = "return|throw|new|delete|else|goto|case|typeof|await|yield|import|assert|co_return|co_await|using";
const TYPED_NAME = String.raw`^\s*(?!(?:${NOT_TYPES})\b)(?:template\s*<[^>]*>\s*)?(?:(?:[\w@]|<\w)[\w@.<>[\],?*&:]*\s+){1,8}(?:(?:\*{1,3}|&)\s*)?`;

const SCRIPT: SymbolRule[] = [
  rule("function", /^\s*(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:async\s+)?function\b\s*\*?\s*([\w$]+)/),
  rule("class", /^\s*(?:export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?class\s+([\w$]+)/),
  rule("interface", /^\s*(?:export\s+)?(?:default\s+)?(?:declare\s+)?interface\s+([\w$]+)/),
  rule("enum", /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+([\w$]+)/),
  rule("type", /^\s*(?:export\s+)?(?:declare\s+)?type\s+([\w$]+)\s*[=<]/),
  rule("module", /^\s*(?:export\s+)?(?:declare\s+)?(?:namespace|module)\s+([\w$.]+)\s*\{/),
  rule(
    "function",
    /^\s*(?:export\s+)?(?:const|let|var)\s+([\w$]+)\s*(?::[^=]{1,200})?=\s*(?:async\b\s*)?(?:function\b|[\w$]+\s*=>|(?:<[^>]*>)?\((?:.*=>|[^)]*$))/,
  ),
  rule("constant", /^(?:export\s+)?(?:declare\s+)?(?:const|let|var)\s+([\w$]+)\s*[:=]/),
  rule(
    "method",
    /^\s+(?:(?:public|private|protected|static|async|override|abstract|get|set)\s+)*\*?\s*(#?[\w$]+)\s*(?:<[^()]*>)?\((?:[^"'`()]|\([^()]*\))*\)\s*(?::.*)?\{\s*$/,
  ),
  rule(
    "method",
    /^\s+(?:(?:public|private|protected|static|override|abstract)\s+)+(?:async\s+)?([\w$]+)\s*(?:<[^()]*>)?\(/,
  ),
  rule("method", /^\s+(?:(?:public|private|protected|static|readonly)\s+)*(#?[\w$]+)\s*=\s*(?:async\s*)?\(.*=>\s*\{?$/),
  { kind: "method", pattern: /^\s+(?:async\s+)?\*?(#?[\w$]+)\s*(?:<[^()]*>)?\($/, open: true },
];

const PYTHON: SymbolRule[] = [
  rule("function", /^\s*(?:async\s+)?def\s+(\w+)/),
  rule("class", /^\s*class\s+(\w+)/),
  rule("constant", /^([A-Z][A-Z0-9_]+)\s*(?::[^=]{1,200})?=(?!=)/),
];

const JAVA_MODIFIERS = "(?:(?:public|protected|private|static|final|abstract|sealed|non-sealed|strictfp)\\s+)*";
const JAVA: SymbolRule[] = [
  rule("class", new RegExp(`^\\s*${JAVA_MODIFIERS}(?:class|record)\\s+(\\w+)`)),
  rule("interface", new RegExp(`^\\s*${JAVA_MODIFIERS}@?interface\\s+(\\w+)`)),
  rule("enum", new RegExp(`^\\s*${JAVA_MODIFIERS}enum\\s+(\\w+)`)),
  rule("method", new RegExp(`${TYPED_NAME}(\\w+)\\s*\\(`)),
  rule("method", /^\s+([A-Z]\w*)\s*\([^;]*\{\s*$/),
  rule("constant", /^\s+(?:(?:public|protected|private|static|final)\s+){2,}[\w.<>[\],?]+\s+([A-Z][A-Z0-9_]+)\s*[=;]/),
];

const C: SymbolRule[] = [
  flat("macro", /^\s*#\s*define\s+(\w+)/),
  rule("struct", /^\s*(?:typedef\s+)?(?:struct|union)\s+(\w+)\s*(?:\{.*)?$/),
  rule("enum", /^\s*(?:typedef\s+)?enum\s+(?:class\s+|struct\s+)?(\w+)\s*(?::\s*[\w:]+\s*)?(?:\{.*)?$/),
  flat("type", /^typedef\s[^;{(]*\b(\w+)\s*;/),
  flat("type", /^typedef\s[^;{(]*\(\s*\*\s*(\w+)\s*\)/),
  flat("type", /^\}\s*(\w+)\s*;/),
  rule("function", new RegExp(`${TYPED_NAME}(\\w+)\\s*\\([^;]*$`)),
];

const CPP: SymbolRule[] = [
  flat("module", /^\s*(?:inline\s+)?namespace\s+([\w:]+)\s*\{?\s*$/),
  rule(
    "class",
    /^\s*(?:template\s*<[^>]*>\s*)?class\s+(?:[A-Z0-9_]+_(?:API|EXPORT)\s+)?(\w+)(?:\s+final)?\s*(?::(?!:)[^;]*|\{.*)?$/,
  ),
  rule(
    "struct",
    /^\s*(?:template\s*<[^>]*>\s*)?(?:struct|union)\s+(?:[A-Z0-9_]+_(?:API|EXPORT)\s+)?(\w+)(?:\s+final)?\s*(?::(?!:)[^;]*|\{.*)?$/,
  ),
  flat("type", /^\s*(?:template\s*<[^>]*>\s*)?using\s+(\w+)\s*=/),
  rule("method", new RegExp(`${TYPED_NAME}(?:\\w+(?:<[^>]*>)?::)+(~?\\w+)\\s*\\([^;]*$`)),
  rule("method", /^(?:\w+::)+(~?\w+)\s*\([^;]*$/),
  ...C,
];

const CS_MODIFIERS =
  "(?:(?:public|protected|private|internal|static|sealed|abstract|partial|readonly|ref|unsafe|new|file)\\s+)*";
const CSHARP: SymbolRule[] = [
  flat("module", /^\s*namespace\s+([\w.]+)/),
  rule("class", new RegExp(`^\\s*${CS_MODIFIERS}(?:class|record(?:\\s+class)?)\\s+(\\w+)`)),
  rule("struct", new RegExp(`^\\s*${CS_MODIFIERS}(?:record\\s+)?struct\\s+(\\w+)`)),
  rule("interface", new RegExp(`^\\s*${CS_MODIFIERS}interface\\s+(\\w+)`)),
  rule("enum", new RegExp(`^\\s*${CS_MODIFIERS}enum\\s+(\\w+)`)),
  rule("method", new RegExp(`${TYPED_NAME}(\\w+)\\s*(?:<[^>]*>\\s*)?\\(`)),
  rule(
    "property",
    /^\s+(?:(?:public|protected|private|internal|static|virtual|override|abstract|required)\s+)+[\w<>[\],.?]+\s+(\w+)\s*(?:\{|=>)/,
  ),
];

const GO: SymbolRule[] = [
  rule("method", /^func\s+\([^)]*\)\s*(\w+)/),
  rule("function", /^func\s+(\w+)/),
  rule("struct", /^type\s+(\w+)(?:\[[^\]]*\])?\s+struct\b/),
  rule("interface", /^type\s+(\w+)(?:\[[^\]]*\])?\s+interface\b/),
  rule("type", /^type\s+(\w+)/),
  rule("constant", /^(?:const|var)\s+(\w+)/),
];

const RUST_PUB = "^\\s*(?:pub(?:\\([^)]*\\))?\\s+)?";
const RUST: SymbolRule[] = [
  rule("function", new RegExp(`${RUST_PUB}(?:(?:default|const|async|unsafe|extern)\\s+(?:"[^"]*"\\s+)?)*fn\\s+(\\w+)`)),
  rule("struct", new RegExp(`${RUST_PUB}(?:struct|union)\\s+(\\w+)`)),
  rule("enum", new RegExp(`${RUST_PUB}enum\\s+(\\w+)`)),
  rule("trait", new RegExp(`${RUST_PUB}(?:unsafe\\s+)?trait\\s+(\\w+)`)),
  rule("type", new RegExp(`${RUST_PUB}type\\s+(\\w+)`)),
  rule("module", new RegExp(`${RUST_PUB}mod\\s+(\\w+)\\s*\\{`)),
  rule("constant", new RegExp(`${RUST_PUB}(?:const|static(?:\\s+mut)?)\\s+(\\w+)\\s*:`)),
  rule("macro", /^\s*macro_rules!\s*(\w+)/),
  rule("scope", /^\s*(?:unsafe\s+)?impl\b[^A-Za-z]*(\w+)/),
];

const RUBY: SymbolRule[] = [
  rule("function", /^\s*(?:private\s+|protected\s+|public\s+)?def\s+(?:self\.)?(\w+[?!=]?)/),
  rule("class", /^\s*class\s+([\w:]+)/),
  rule("module", /^\s*module\s+([\w:]+)/),
  rule("constant", /^\s*([A-Z][A-Z0-9_]+)\s*=(?!=)/),
];

const PHP: SymbolRule[] = [
  rule("function", /^\s*(?:(?:public|protected|private|static|final|abstract)\s+)*function\s+&?(\w+)/),
  rule("class", /^\s*(?:(?:final|abstract|readonly)\s+)*class\s+(\w+)/),
  rule("interface", /^\s*interface\s+(\w+)/),
  rule("trait", /^\s*trait\s+(\w+)/),
  rule("enum", /^\s*enum\s+(\w+)/),
  rule("constant", /^\s*(?:(?:public|protected|private|final)\s+)*const\s+(\w+)\s*=/),
];

const KT_MODIFIERS = String.raw`^\s*(?:(?:public|private|protected|internal|open|abstract|final|sealed|data|inner|inline|value|annotation|override|suspend|operator|infix|tailrec|external|lateinit|actual|expect|companion)\s+)*`;
const KOTLIN: SymbolRule[] = [
  rule("enum", new RegExp(`${KT_MODIFIERS}enum\\s+class\\s+(\\w+)`)),
  rule("interface", new RegExp(`${KT_MODIFIERS}(?:fun\\s+)?interface\\s+(\\w+)`)),
  rule("class", new RegExp(`${KT_MODIFIERS}(?:class|object)\\s+(\\w+)`)),
  rule("function", new RegExp(`${KT_MODIFIERS}fun\\s+(?:<[^>]*>\\s*)?(?:[\\w<>?,]+\\.)*(\\w+)\\s*\\(`)),
  rule("type", new RegExp(`${KT_MODIFIERS}typealias\\s+(\\w+)`)),
  rule("constant", /^(?:(?:public|private|internal|const)\s+)*va[lr]\s+(\w+)/),
];

const SWIFT_MODIFIERS =
  "(?:(?:@\\w+|public|private|fileprivate|internal|open|final|static|class|override|mutating|nonmutating|required|convenience|indirect|nonisolated|async)\\s+)*";
const SWIFT: SymbolRule[] = [
  rule("function", new RegExp(`^\\s*${SWIFT_MODIFIERS}func\\s+(\\w+)`)),
  rule("struct", new RegExp(`^\\s*${SWIFT_MODIFIERS}struct\\s+(\\w+)`)),
  rule("enum", new RegExp(`^\\s*${SWIFT_MODIFIERS}enum\\s+(\\w+)`)),
  rule("trait", new RegExp(`^\\s*${SWIFT_MODIFIERS}protocol\\s+(\\w+)`)),
  rule("class", new RegExp(`^\\s*${SWIFT_MODIFIERS}(?:class|actor)\\s+(\\w+)`)),
  rule("type", new RegExp(`^\\s*${SWIFT_MODIFIERS}typealias\\s+(\\w+)`)),
  rule("scope", /^\s*(?:public\s+|private\s+)?extension\s+(\w+)/),
  rule("constant", /^(?:(?:public|private|fileprivate|internal)\s+)*(?:let|var)\s+(\w+)/),
];

const language = (rules: SymbolRule[], comments: Language["comments"] = "slash"): Language => ({ rules, comments });

const LANGUAGES: [extensions: string, language: Language][] = [
  ["ts tsx mts cts js jsx mjs cjs vue svelte", language(SCRIPT)],
  ["py pyi", language(PYTHON, "hash")],
  ["java", language(JAVA)],
  ["c h", language(C)],
  ["cc cpp cxx hh hpp hxx ipp inl cu cuh", language(CPP)],
  ["cs", language(CSHARP)],
  ["go", language(GO)],
  ["rs", language(RUST)],
  ["rb rake", language(RUBY, "hash")],
  ["php", language(PHP)],
  ["kt kts", language(KOTLIN)],
  ["swift", language(SWIFT)],
];

const BY_EXTENSION = new Map(
  LANGUAGES.flatMap(([extensions, found]) => extensions.split(" ").map((extension) => [extension, found] as const)),
);

/** @returns The language of a file by its extension, or undefined if there is no table for it. */
export function languageOf(path: string): Language | undefined {
  return BY_EXTENSION.get(path.slice(path.lastIndexOf(".") + 1).toLowerCase());
}
