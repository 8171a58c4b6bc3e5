// What families of embedding models want before a question and before a document; knows names, no files.

/** Put before the text, in front of its first token. */
export interface EmbeddingPrefixes {
  query: string;
  document: string;
}

interface Family extends EmbeddingPrefixes {
  /** Looked for in `general.name`, in any case. */
  name?: RegExp;
  /** `general.architecture`. */
  architectures?: readonly string[];
}

/** What a search in a codebase is, for models that are told their task. */
const TASK = "Given a question about a codebase, retrieve the code that answers it";

/** What several families were trained to see before a question to passages and to code. */
const PASSAGES = "Represent this sentence for searching relevant passages: ";
const CODE = "Represent this query for searching relevant code: ";

/**
 * The first that fits counts. A GGUF file has no field for prefixes, so they are told by name, as each model's card gives
 * them; what is not here gets none, which is right for models without prefixes and costs the others a little. Names come
 * before architectures, because fine-tuned models keep the architecture and change the prefix.
 */
const FAMILIES: readonly Family[] = [
  { name: /nomic.?embed.?code|code.?rank.?embed/i, query: CODE, document: "" },
  {
    name: /jina.code/i,
    query: "Find the most relevant code snippet given the following query:\n",
    document: "Candidate code snippet:\n",
  },
  { name: /qwen3.*embed/i, query: `Instruct: ${TASK}\nQuery:`, document: "" },
  { name: /\be5\b.*instruct/i, query: `Instruct: ${TASK}\nQuery: `, document: "" },
  { name: /(^|[^a-z0-9])e5([^a-z0-9]|$)/i, query: "query: ", document: "passage: " },
  { name: /arctic.?embed.*v2/i, query: "query: ", document: "" },
  { name: /arctic.?embed|mxbai.?embed|bge.(small|base|large).en/i, query: PASSAGES, document: "" },
  { architectures: ["gemma-embedding"], query: "task: code retrieval | query: ", document: "title: none | text: " },
  { architectures: ["nomic-bert", "nomic-bert-moe"], query: "search_query: ", document: "search_document: " },
];

/** @returns The prefixes of the family that the file says it is of; empty ones for any other. */
export function prefixesOf(architecture: string, name: string): EmbeddingPrefixes {
  const family = FAMILIES.find(
    (candidate) => candidate.name?.test(name) || candidate.architectures?.includes(architecture),
  );
  return { query: family?.query ?? "", document: family?.document ?? "" };
}
