// The families of models that fill in the middle: what each calls its parts, in which order, and what it must never show; one table, nothing else knows it.
import type { LoadedModel } from "../../../engine/src/api.ts";

/** How one family of models is asked to fill in the middle. All texts of tokens are special tokens of its vocabulary. */
export interface FimFamily {
  name: string;
  /** What the model reads first: the text before the cursor or the text after it. */
  order: "prefixFirst" | "suffixFirst";
  prefix: string;
  suffix: string;
  /** Stands last, if the family has one. */
  middle?: string;
  /** Stands first, if the family was trained with one. */
  begin?: string;
  /** Stands before the repository's name; `after` follows the name. */
  repository?: { token: string; after: string };
  /** Stands before the path of each file. */
  file?: string;
  /** Stands before the path of each file where there is no token for it. */
  fileText: string;
  /** Where the path of the cursor's file stands: before the prefix token, or as the first line behind it. */
  path: "beforePrefix" | "inPrefix";
  /** Special tokens that end the generation. */
  stopSpecials: readonly string[];
  /** Texts that end the generation: special tokens that the model spells out. */
  stop: readonly string[];
  /** What the family writes by habit and is never code: special tokens' texts, fences around an answer, thinking. */
  artefacts: RegExp;
}

/** What is known of a model without asking it anything. */
export type FimFacts = Pick<LoadedModel, "name" | "fimTokens">;

interface Row {
  name: string;
  order?: "suffixFirst";
  prefix: string;
  suffix: string;
  middle?: string;
  begin?: string;
  repository?: { token: string; after: string };
  file?: string;
  fileText?: string;
  path?: "inPrefix";
  /** The tokens above are not enough: other families have them too, or models that were never trained with them. */
  only?: (hasSpecial: (text: string) => boolean, facts: FimFacts) => boolean;
  /** Further special tokens of the family: padding, turns of a chat, ends. */
  others: readonly string[];
  /** How tokens look when they are spelled out, where that is not their text. */
  spelled?: readonly string[];
}

/** The tokens of a sentence are HTML for struck-out text: as tokens they end a completion, as text they are code. */
const IS_ALSO_CODE = new Set(["<s>", "</s>"]);

const CHAT_ML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

const QWEN_OTHERS = [
  ...["<|fim_pad|>", ...CHAT_ML, "<think>", "</think>"],
  ...["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"],
  ...["<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>"],
  ...["<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"],
];

/** The first that fits a model is its family. */
const ROWS: readonly Row[] = [
  {
    // README of QwenLM/Qwen2.5-Coder, file level and repository level; the vocabulary of Qwen3.5 has the same tokens.
    name: "Qwen",
    prefix: "<|fim_prefix|>",
    suffix: "<|fim_suffix|>",
    middle: "<|fim_middle|>",
    repository: { token: "<|repo_name|>", after: "\n" },
    file: "<|file_sep|>",
    only: (hasSpecial) => hasSpecial("<|file_sep|>"),
    others: QWEN_OTHERS,
  },
  {
    // ai.google.dev, "CodeGemma formatting": the four tokens, no space around them; the separator also ends an answer.
    // That a path stands as a file's first line is not documented.
    name: "CodeGemma",
    prefix: "<|fim_prefix|>",
    suffix: "<|fim_suffix|>",
    middle: "<|fim_middle|>",
    begin: "<bos>",
    file: "<|file_separator|>",
    only: (hasSpecial) => hasSpecial("<|file_separator|>"),
    others: ["<eos>", "<pad>", "<start_of_turn>", "<end_of_turn>"],
  },
  {
    // Qwen's three tokens in a vocabulary without its repository tokens.
    name: "Qwen's tokens",
    prefix: "<|fim_prefix|>",
    suffix: "<|fim_suffix|>",
    middle: "<|fim_middle|>",
    others: QWEN_OTHERS,
  },
  {
    // arXiv 2402.19173 (StarCoder2), section on repository context: the path is the first line of the prefix, and the
    // repository's name ends where the first file begins.
    name: "StarCoder2",
    prefix: "<fim_prefix>",
    suffix: "<fim_suffix>",
    middle: "<fim_middle>",
    repository: { token: "<repo_name>", after: "" },
    file: "<file_sep>",
    path: "inPrefix",
    only: (hasSpecial) => hasSpecial("<file_sep>"),
    others: ["<fim_pad>", ...CHAT_ML],
  },
  {
    // StarCoder's playground (formats.md: <reponame>…<filename>… before the code); IBM's Granite code models (arXiv
    // 2405.04324) have its vocabulary, and stable-code-3b (its model card) the three tokens alone.
    name: "StarCoder, Granite Code",
    prefix: "<fim_prefix>",
    suffix: "<fim_suffix>",
    middle: "<fim_middle>",
    repository: { token: "<reponame>", after: "" },
    file: "<filename>",
    others: ["<fim_pad>", "<gh_stars>", ...CHAT_ML],
  },
  {
    // README of deepseek-ai/DeepSeek-Coder: the hole stands between prefix and suffix, and files of a repository follow
    // each other, each behind a line with # and its path.
    name: "DeepSeek-Coder",
    prefix: "<｜fim▁begin｜>",
    suffix: "<｜fim▁hole｜>",
    middle: "<｜fim▁end｜>",
    begin: "<｜begin▁of▁sentence｜>",
    fileText: "#",
    others: ["<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<|EOT|>"],
  },
  {
    // arXiv 2308.12950 (Code Llama), prefix-suffix-middle, as llama/generation.py of meta-llama/codellama encodes it.
    name: "CodeLlama",
    prefix: "▁<PRE>",
    suffix: "▁<SUF>",
    middle: "▁<MID>",
    begin: "<s>",
    others: ["▁<EOT>", "</s>"],
    spelled: ["<PRE>", "<SUF>", "<MID>", "<EOT>"],
  },
  {
    // mistralai/mistral-common, encode_fim: <s>[SUFFIX]…[PREFIX]…, without a token for the middle. Its chat models have
    // the same vocabulary but were not trained with these, so the name decides. How files are told apart is not
    // documented; this is how other editors ask Codestral.
    name: "Codestral",
    order: "suffixFirst",
    prefix: "[PREFIX]",
    suffix: "[SUFFIX]",
    begin: "<s>",
    fileText: "+++++ ",
    only: (_hasSpecial, { name }) => /codestral/i.test(name),
    others: ["[MIDDLE]", "[INST]", "[/INST]", "</s>"],
  },
];

/**
 * @param hasSpecial True for the texts of the vocabulary's special tokens.
 * @returns Undefined if the model cannot fill in the middle.
 */
export function familyOf(hasSpecial: (text: string) => boolean, facts: FimFacts): FimFamily | undefined {
  const { prefix, suffix, middle, repository, separator } = facts.fimTokens;
  const isNamed = prefix !== undefined && suffix !== undefined && middle !== undefined;
  const row = ROWS.find((candidate) => {
    // What the file itself names goes before what merely stands in its vocabulary.
    if (isNamed && candidate.prefix !== prefix) return false;
    const tokens = [candidate.prefix, candidate.suffix, candidate.middle].filter((token) => token !== undefined);
    return tokens.every(hasSpecial) && (candidate.only?.(hasSpecial, facts) ?? true);
  });
  if (row !== undefined) return familyFrom(row, hasSpecial);
  if (!isNamed) return undefined;
  const named: Row = { name: "named by the model file", prefix, suffix, middle, others: CHAT_ML };
  if (repository !== undefined) named.repository = { token: repository, after: "\n" };
  return familyFrom(separator === undefined ? named : { ...named, file: separator }, hasSpecial);
}

/** @returns Undefined if the model cannot fill in the middle. */
export function familyOfModel(model: LoadedModel): FimFamily | undefined {
  const specials = new Set(model.specialTexts);
  return familyOf((text) => specials.has(text), model);
}

/** @returns A sentence for people about a model that {@link familyOf} knows no family for. */
export function noFamilySentence({ name }: Pick<LoadedModel, "name">): string {
  return `The model ${name} has no tokens for filling in the middle, so inline completion is off; choose another model with Get Model….`;
}

/** Of what is optional, only what this vocabulary has. */
function familyFrom(row: Row, hasSpecial: (text: string) => boolean): FimFamily {
  const known = (text: string | undefined) => (text !== undefined && hasSpecial(text) ? text : undefined);
  const { name, order = "prefixFirst", prefix, suffix, middle, repository, path = "beforePrefix" } = row;
  const all = [prefix, suffix, middle, row.begin, repository?.token, row.file, ...row.others];
  const stopSpecials = all.filter((token) => token !== undefined);
  const stop = (row.spelled ?? stopSpecials).filter((text) => !IS_ALSO_CODE.has(text));
  return {
    name,
    order,
    prefix,
    suffix,
    middle,
    begin: known(row.begin),
    repository: known(repository?.token) === undefined ? undefined : repository,
    file: known(row.file),
    fileText: row.fileText ?? "",
    path,
    stopSpecials,
    stop,
    artefacts: artefactsOf([...stop, ...stopSpecials.filter((text) => !IS_ALSO_CODE.has(text))]),
  };
}

/** A fence is one only at the start of a line; inside a line it is a text about fences. */
function artefactsOf(texts: readonly string[]): RegExp {
  const escaped = [...new Set(texts)].sort((a, b) => b.length - a.length).map((text) => escapeForRegExp(text));
  return new RegExp(`^[ \\t]*\`\`\`|</?think>|${escaped.join("|")}`, "m");
}

function escapeForRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
