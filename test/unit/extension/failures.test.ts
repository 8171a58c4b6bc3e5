// Tests the sentence and the action for each way a request can fail.
import assert from "node:assert/strict";
import { describeFailure, FAILURE_COMMANDS, isCancelled, isSlip, SlipError } from "../../../extension/src/failures.ts";
import { FathomErrorCodes } from "../../../server/src/protocol/errors.ts";

function failing(code: number, message = "It did not work."): Error {
  return Object.assign(new Error(message), { code });
}

describe("describeFailure", () => {
  const cases: [number, string | undefined][] = [
    [FathomErrorCodes.noModel, "fathom.getModel"],
    [FathomErrorCodes.modelUnusable, "fathom.getModel"],
    [FathomErrorCodes.downloadFailed, "fathom.getModel"],
    [FathomErrorCodes.engineStopped, "fathom.showLog"],
    [FathomErrorCodes.engineFailed, "fathom.restartEngine"],
    [FathomErrorCodes.untrusted, "workbench.trust.manage"],
    [FathomErrorCodes.badRequest, undefined],
    [-32097, "fathom.restartServer"],
    [-32096, "fathom.restartServer"],
    [-32603, "fathom.showLog"],
  ];
  for (const [code, command] of cases) {
    it(`${code} offers ${command}`, () => assert.equal(describeFailure(failing(code)).action?.command, command));
  }
  it("has an action for every code of Fathom's own, or none on purpose", () => {
    const known = new Set(cases.map(([code]) => code));
    for (const code of Object.values(FathomErrorCodes)) assert.ok(known.has(code), String(code));
  });
  it("offers nothing that the chat view may not ask for", () => {
    for (const [, command] of cases) assert.ok(command === undefined || FAILURE_COMMANDS.has(command), command);
  });
  it("shows the server's sentence, cut where it is no sentence any more", () => {
    assert.equal(describeFailure(failing(FathomErrorCodes.noModel, " No model. ")).message, "No model.");
    assert.equal(describeFailure("plain text").message, "plain text");
    assert.equal(describeFailure(failing(1, "")).message, "The request failed without saying why.");
    assert.ok(describeFailure(failing(1, "x".repeat(5000))).message.length < 700);
  });
});

describe("a slip", () => {
  it("is told as it is, with nothing to press", () => {
    assert.deepEqual(describeFailure(new SlipError("Nothing is selected.")), { message: "Nothing is selected." });
  });
  it("is found by the extension or by the server; what fails is none", () => {
    assert.ok(isSlip(new SlipError("Nothing is selected.")));
    assert.ok(isSlip(failing(FathomErrorCodes.badRequest)));
    for (const error of [new Error("x"), failing(FathomErrorCodes.engineFailed), "x"]) assert.ok(!isSlip(error));
  });
});

describe("isCancelled", () => {
  const cancelled = Object.assign(new Error("Canceled"), { name: "Canceled" });
  const cases: [unknown, boolean][] = [
    [failing(-32800), true],
    [failing(-32802), true],
    [cancelled, true],
    [failing(-32801), false],
    [new Error("Canceled"), false],
    [undefined, false],
  ];
  for (const [error, expected] of cases)
    it(`${error} is ${expected}`, () => assert.equal(isCancelled(error), expected));
});
