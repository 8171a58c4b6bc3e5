// The entry of all measurements: finds the bench by its name, reads its options, prints its figures as JSON or as a table.
import { parseArgs } from "node:util";
import { activationBench } from "./activation.ts";
import { completionBench } from "./completion.ts";
import { editBench } from "./edit.ts";
import { fimBench } from "./fim.ts";
import { indexBench } from "./indexing.ts";
import { longContextBench } from "./longctx.ts";
import { type Bench, type Figures, UsageError } from "./measuring.ts";
import { overheadBench } from "./overhead.ts";
import { prefillBench } from "./prefill.ts";
import { retrievalBench } from "./retrieval.ts";
import { sizeBench } from "./size.ts";
import { snapshotBench } from "./snapshot.ts";
import { warmBench } from "./warm.ts";

const BENCHES: Record<string, Bench> = {
  warm: warmBench,
  edit: editBench,
  prefill: prefillBench,
  snapshot: snapshotBench,
  longctx: longContextBench,
  overhead: overheadBench,
  index: indexBench,
  completion: completionBench,
  fim: fimBench,
  retrieval: retrievalBench,
  size: sizeBench,
  activation: activationBench,
};

const USAGE_EXIT_CODE = 2;

process.exitCode = await main(process.argv.slice(2));

/** @returns The exit code: 0 with figures, 2 for wrong arguments. */
async function main([name = "", ...rest]: string[]): Promise<number> {
  const bench = BENCHES[name];
  if (bench === undefined) {
    process.stderr.write(`${usage(name)}\n`);
    return USAGE_EXIT_CODE;
  }
  try {
    const { json, ...values } = readOptions(bench, rest);
    const figures = await bench.run(values as Record<string, string | undefined>, progress);
    process.stdout.write(json ? `${JSON.stringify({ name, figures })}\n` : table(name, figures));
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n${usage(name)}\n`);
    return USAGE_EXIT_CODE;
  }
}

function readOptions(bench: Bench, args: string[]) {
  const options = Object.fromEntries(Object.keys(bench.options).map((name) => [name, { type: "string" as const }]));
  try {
    return parseArgs({ args, options: { ...options, json: { type: "boolean" as const } } }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

function usage(name: string): string {
  const lines = [name === "" ? "Which bench? There are:" : `The benches and their options (you asked for "${name}"):`];
  for (const [name, { summary, options }] of Object.entries(BENCHES)) {
    lines.push(`  ${name}: ${summary}`);
    for (const [option, meaning] of Object.entries(options)) lines.push(`    --${option}: ${meaning}`);
  }
  return [...lines, "  --json prints one JSON object on the standard output."].join("\n");
}

function table(name: string, figures: Figures): string {
  const width = Math.max(...Object.keys(figures).map((key) => key.length));
  const rows = Object.entries(figures).map(([key, value]) => {
    const text = Array.isArray(value)
      ? value.join(" ")
      : typeof value === "number"
        ? value.toLocaleString("en")
        : value;
    return `  ${key.padEnd(width)}  ${text}\n`;
  });
  return `${name}\n${rows.join("")}`;
}
