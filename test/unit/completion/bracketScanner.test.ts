// Tests what the scanner takes for brackets, strings and comments in several languages.
import assert from "node:assert/strict";
import { BracketScanner } from "../../../server/src/completion/bracketScanner.ts";
import { lexicalRules } from "../../../server/src/completion/lexicalRules.ts";

describe("BracketScanner", () => {
  for (const [languageId, text, open, inside] of [
    ["typescript", "f({ a: [1, (2)", "({[", ""],
    ["typescript", "f(\"(\", '[', `{\n`, /* ( */ // [", "(", "comment"],
    ["typescript", "const a = `open\n(", "", "string"],
    ["typescript", 'const a = "not closed\nf(', "(", ""],
    ["typescript", 'a = "\\"(', "", "string"],
    ["typescript", "a /* ( */ / b / (", "(", ""],
    ["python", '"""a\n"(\n', "", "string"],
    ["python", '"" + "" + [', "[", ""],
    ["python", '"""a""" + [', "[", ""],
    ["python", "x = '''it's\n''' # (", "", "comment"],
    ["java", 'a = """\n{ "\n"""; {', "{", ""],
    ["rust", "fn f<'a>(c: &'a str) { '{' '\\'' '\\\\' 'b: loop {", "{{", ""],
    ["rust", "let a = \"{\n\"; '(' [", "[", ""],
    ["shellscript", `echo $# \${#a} a#b # (`, "", "comment"],
    ["css", "a { background: url(//b) ", "{", ""],
    ["lua", "-- (\nf(", "(", ""],
    ["html", "it's <!-- ( -->", "", ""],
    ["markdown", 'a "word (', "(", ""],
    ["unheard-of", 'it\'s "(" {', "{", ""],
  ] as const) {
    it(`${languageId}: ${JSON.stringify(text)}`, () => {
      const scanner = scanned(languageId, text);
      assert.equal(scanner.open.join(""), open);
      assert.equal(scanner.inString ? "string" : scanner.inComment ? "comment" : "", inside);
    });
  }

  it("tells which bracket closes something from before", () => {
    const scanner = new BracketScanner(lexicalRules("typescript"));
    const events = [..."a(b)) } [ } ]"].map((char) => scanner.next(char) ?? "-").join(" ");
    assert.equal(events, "- open - close outside - outside - open - outside - close");
  });

  it("lets a bracket close what stands between it and its other half", () => {
    assert.equal(scanned("go", "{ ( [ }").open.join(""), "");
    assert.equal(scanned("go", "{ ( ]").open.join(""), "{(");
  });
});

function scanned(languageId: string, text: string): BracketScanner {
  const scanner = new BracketScanner(lexicalRules(languageId));
  for (const char of text) scanner.next(char);
  return scanner;
}
