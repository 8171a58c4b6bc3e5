// Tests which prefixes a family of embedding models gets, told by the names that real files carry.
import assert from "node:assert/strict";
import { prefixesOf } from "../../../engine/src/embeddingFamilies.ts";

describe("prefixes of embedding models", () => {
  const cases: [architecture: string, name: string, query: string, document: string][] = [
    ["nomic-bert", "nomic-embed-text-v1.5", "search_query: ", "search_document: "],
    ["nomic-bert-moe", "nomic-embed-text-v2-moe", "search_query: ", "search_document: "],
    ["nomic-bert", "CodeRankEmbed", "Represent this query for searching relevant code: ", ""],
    ["qwen2", "Nomic Embed Code", "Represent this query for searching relevant code: ", ""],
    ["bert", "multilingual-e5-small", "query: ", "passage: "],
    ["bert", "E5 Base v2", "query: ", "passage: "],
    ["bert", "bge-small-en-v1.5", "Represent this sentence for searching relevant passages: ", ""],
    ["bert", "bge-m3", "", ""],
    ["bert", "snowflake-arctic-embed-l-v2.0", "query: ", ""],
    ["bert", "snowflake-arctic-embed-m", "Represent this sentence for searching relevant passages: ", ""],
    ["gemma-embedding", "embeddinggemma-300m", "task: code retrieval | query: ", "title: none | text: "],
    ["jina-bert-v2", "jina-embeddings-v2-base-code", "", ""],
    ["bert", "all-MiniLM-L6-v2", "", ""],
    ["bert", "some-e50-model", "", ""],
  ];
  for (const [architecture, name, query, document] of cases) {
    it(`of ${name}`, () => assert.deepEqual(prefixesOf(architecture, name), { query, document }));
  }

  it("of models that are told their task", () => {
    const task = "Instruct: Given a question about a codebase, retrieve the code that answers it\nQuery:";
    assert.deepEqual(prefixesOf("qwen3", "Qwen3-Embedding-0.6B"), { query: task, document: "" });
    assert.deepEqual(prefixesOf("qwen3", "Qwen3 Embedding 0.6B"), { query: task, document: "" });
    assert.deepEqual(prefixesOf("bert", "multilingual-e5-large-instruct"), { query: `${task} `, document: "" });
  });
});
