// Tests of what keeps sources from being published as a release.
import assert from "node:assert/strict";
import { type ReleaseFacts, releaseProblems } from "../../release.ts";

const RELEASED: ReleaseFacts = {
  version: "1.2.0",
  changelog: "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-11-26\n\n### Added\n\n- Things.\n",
  uncommitted: "",
  tags: ["v1.2.0", ""],
};

const problemsWith = (changes: Partial<ReleaseFacts>) => releaseProblems({ ...RELEASED, ...changes });

describe("release", () => {
  it("is whatever is committed, tagged and in the changelog with its date", () =>
    assert.deepEqual(problemsWith({}), []));

  it("is nothing that the changelog does not know", () =>
    assert.deepEqual(problemsWith({ changelog: "## [Unreleased]\n" }), [
      'CHANGELOG.md has no section "## [1.2.0] - date".',
    ]));

  it("is nothing without a date", () =>
    assert.deepEqual(problemsWith({ changelog: "## [1.2.0]\n" }), ['CHANGELOG.md: "## [1.2.0]" has no date.']));

  it("is nothing that is not committed or not tagged", () =>
    assert.deepEqual(problemsWith({ uncommitted: " M vsix.ts\n", tags: ["v1.1.0"] }), [
      "There are changes that are not committed.",
      "The commit has no tag v1.2.0.",
    ]));
});
