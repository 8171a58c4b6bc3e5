// Tests of why the system refused a file: words for what is known, the system's own for the rest, never a code beside them.
import assert from "node:assert/strict";
import { unreadableSentence, unwritableReason } from "../../../server/src/systemReasons.ts";

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: something, open '/x/y.ts.4256209830'`), { code });
}

describe("cli system reasons", () => {
  it("says in words why a file cannot be written", () => {
    assert.equal(unwritableReason(systemError("EROFS")), "the disk is read-only");
    assert.equal(unwritableReason(systemError("ENOSPC")), "the disk is full");
    assert.equal(unwritableReason(systemError("EACCES")), "permission denied");
    assert.equal(unwritableReason(new Error("something else")), "something else");
  });

  it("says in a sentence why a file cannot be read", () => {
    assert.equal(unreadableSentence("a.ts", systemError("ENOENT")), "There is no file a.ts.");
    assert.equal(unreadableSentence("a/b.ts", systemError("ENOTDIR")), "There is no file a/b.ts.");
    assert.equal(unreadableSentence("src", systemError("EISDIR")), "src is a folder, not a file.");
    assert.equal(unreadableSentence("a.ts", systemError("EPERM")), "a.ts cannot be read: permission denied.");
  });
});
