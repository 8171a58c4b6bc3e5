// Tests that the edits of a document, one after the other, are what its text has gone through.
import assert from "node:assert/strict";
import fc from "fast-check";
import { TextDocument } from "vscode-languageserver-textdocument";
import { type DocumentEdit, Documents } from "../../../server/src/documents.ts";
import { FakeEditor } from "../../fakes/fakeEditor.ts";

const URI = "file:///w/a.ts";

function opened(text: string) {
  const editor = new FakeEditor();
  const documents = new Documents(editor.connection);
  const edits: DocumentEdit[] = [];
  documents.onEdit((edit) => edits.push(edit));
  editor.open(URI, text);
  const change = (contentChanges: unknown[]) =>
    editor.call("onDidChangeTextDocument", { textDocument: { uri: URI, version: 2 }, contentChanges });
  return { documents, edits, change };
}

const at = (line: number, character: number, toLine = line, toCharacter = character) => ({
  start: { line, character },
  end: { line: toLine, character: toCharacter },
});

describe("edits of documents", () => {
  const cases: [what: string, text: string, change: unknown, expected: object[]][] = [
    ["typed", "ab\ncd", { range: at(1, 1), text: "X" }, [{ offset: 4, line: 1, removed: "", inserted: "X" }]],
    ["removed", "ab\ncd", { range: at(0, 1, 1, 1), text: "" }, [{ offset: 1, line: 0, removed: "b\nc", inserted: "" }]],
    [
      "a word replaced, as it was sent",
      "foo",
      { range: at(0, 0, 0, 3), text: "fool" },
      [{ offset: 0, line: 0, removed: "foo", inserted: "fool" }],
    ],
    ["the whole text sent", "a\nb\nc", { text: "a\nX\nc" }, [{ offset: 2, line: 1, removed: "b", inserted: "X" }]],
    ["nothing changed", "abc", { text: "abc" }, []],
    [
      "half a surrogate pair the same",
      "\u{1F600}",
      { text: "\u{1F601}" },
      [{ offset: 0, line: 0, removed: "\u{1F600}", inserted: "\u{1F601}" }],
    ],
    [
      "half a line end the same",
      "a\r\nb",
      { text: "a\n\nb" },
      [{ offset: 1, line: 0, removed: "\r\n", inserted: "\n\n" }],
    ],
  ];
  for (const [what, text, change, expected] of cases) {
    it(`tell ${what}`, () => {
      const { edits, change: make } = opened(text);
      make([change]);
      assert.deepEqual(
        edits,
        expected.map((edit) => ({ uri: URI, ...edit })),
      );
    });
  }

  it("are told when the text is the new one", () => {
    const { documents, change } = opened("a");
    let seen = "";
    documents.onEdit(() => {
      seen = documents.get(URI)!.getText();
    });
    change([{ range: at(0, 1), text: "b" }]);
    assert.equal(seen, "ab");
  });

  it("lead from the text before to the text after", () => {
    const texts = fc
      .array(fc.constantFrom("a", "b", "\n", "\r\n", "\u{1F600}", "ab\n"), { maxLength: 6 })
      .map((parts) => parts.join(""));
    const changes = fc.array(fc.record({ from: fc.nat(9), to: fc.nat(9), text: texts, whole: fc.boolean() }));
    fc.assert(
      fc.property(texts, changes, (text, planned) => {
        const { documents, edits, change } = opened(text);
        const document = TextDocument.create(URI, "x", 1, text);
        for (const { from, to, text: inserted, whole } of planned) {
          const [start, end] = [Math.min(from, to), Math.max(from, to)].map((offset) => document.positionAt(offset));
          const next = whole ? { text: inserted } : { range: { start: start!, end: end! }, text: inserted };
          TextDocument.update(document, [next], 2);
          change([next]);
        }
        let followed = text;
        for (const { offset, line, removed, inserted } of edits) {
          assert.equal(followed.slice(offset, offset + removed.length), removed);
          assert.equal(followed.slice(0, offset).split(/\r\n|\r|\n/).length - 1, line);
          followed = followed.slice(0, offset) + inserted + followed.slice(offset + removed.length);
        }
        assert.equal(followed, documents.get(URI)!.getText());
        assert.equal(followed, document.getText());
      }),
      { numRuns: 500 },
    );
  });

  it("are told one by one when several come at once", () => {
    const { edits, change } = opened("ab");
    change([
      { range: at(0, 2), text: "c\n" },
      { range: at(1, 0), text: "d" },
    ]);
    assert.deepEqual(
      edits.map(({ offset, line, inserted }) => [offset, line, inserted]),
      [
        [2, 0, "c\n"],
        [4, 1, "d"],
      ],
    );
  });
});
