// Reading the workspace into the model's context, as the status bar tells it.
import assert from "node:assert/strict";
import { journey } from "./journey.ts";

/** Enough that reading takes a few seconds. */
const FILES = 32;
const MANY = Object.fromEntries(Array.from({ length: FILES }, (_, index) => [`src/part${index}.ts`, part(index)]));

function part(index: number): string {
  const functions = Array.from(
    { length: 10 },
    (_, inner) =>
      `/** Adds ${inner} to what part ${index} counts. */\nexport function add${inner}To${index}(value: number): number {\n  return value + ${inner * index};\n}\n`,
  );
  return functions.join("\n");
}

describe("reading the workspace", () => {
  journey("shows how far it is, and a restart takes it from disk", { files: MANY }, async ({ workbench, picture }) => {
    await workbench.waitForPassing(/reading \d+ %/);
    await picture("while reading");
    await workbench.ready();
    const percents = (await workbench.statusHistory()).flatMap((text) => /reading (\d+) %/.exec(text)?.[1] ?? []);
    assert.ok(new Set(percents).size >= 3, percents.join(", "));
    assert.deepEqual(
      percents,
      percents.toSorted((a, b) => Number(a) - Number(b)),
    );
    await workbench.waitForFact(new RegExp(`^Read: .* tokens of ${FILES} files.*, read now`));

    await workbench.reload();
    await workbench.ready();
    await workbench.waitForFact(new RegExp(`^Read: .* tokens of ${FILES} files.*, restored from disk`));
  });

  journey("can be paused, resumed and stopped", { files: MANY }, async ({ workbench, server }) => {
    await workbench.waitForPassing(/reading \d+ %/);
    // Else it could be over before the commands come.
    const goOn = server.holdEngine();
    await workbench.run("Fathom: Pause Reading");
    await workbench.waitForStatus(/paused at \d+ %/);
    await workbench.run("Fathom: Resume Reading");
    await workbench.waitForStatus(/reading \d+ %/);
    await workbench.run("Fathom: Stop Reading");
    goOn();
    await workbench.ready();
  });
});
