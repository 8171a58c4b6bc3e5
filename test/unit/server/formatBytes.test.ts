// Tests of how numbers of bytes are said.
import assert from "node:assert/strict";
import { formatBytes, formatQuota } from "../../../server/src/protocol/formatBytes.ts";

describe("formatBytes", () => {
  const cases: [number, string][] = [
    [0, "0 bytes"],
    [1023, "1023 bytes"],
    [2048, "2 KiB"],
    [1.5 * 1024 ** 2, "1.5 MiB"],
    [497 * 1024 ** 2, "497 MiB"],
    [2.54 * 1024 ** 3, "2.54 GiB"],
  ];
  for (const [bytes, text] of cases) it(text, () => assert.equal(formatBytes(bytes), text));
});

it("a quota has the unit of its setting", () => assert.equal(formatQuota(20e9), "20 GB"));
