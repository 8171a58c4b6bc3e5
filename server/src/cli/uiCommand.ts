// The command `ui`: code for the user interface in an image, on stdout or in a new file.
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { ScreenshotRequest } from "../protocol/messages.ts";
import { unreadableSentence, unwritableReason } from "../systemReasons.ts";
import { UsageError } from "./arguments.ts";
import { figuresLine } from "./format.ts";
import type { Output } from "./output.ts";
import { type CommandContext, type CommandResult, waitForModel, withServer } from "./session.ts";

/** First bytes of the kinds of image that can be read. */
const SIGNATURES = [
  { mimeType: "image/png", bytes: [0x89, 0x50, 0x4e, 0x47] },
  { mimeType: "image/jpeg", bytes: [0xff, 0xd8, 0xff] },
];

/** Writes the code of the user interface in an image. */
export async function ui(context: CommandContext): Promise<CommandResult> {
  const { output, options, signal } = context;
  const name = context.arguments[0] ?? "";
  const image = await readImage(name);
  const { out } = options;
  if (out !== undefined) checkPlace(out);
  return withServer(context, {}, async (client) => {
    const { model, message } = await waitForModel(context, client);
    if (model === undefined) throw new Error(message);
    const outcome = await client.request(
      ScreenshotRequest.type,
      { ...image, instruction: options.instruction ?? "" },
      {
        signal,
        onPartial: (event) => {
          if (event.kind === "text" && out === undefined) output.raw(event.text);
          if (event.kind === "thinking") output.aside(event.text);
          if (event.kind === "note") output.remark(event.text);
        },
      },
    );
    const cancelled = outcome.stopReason === "cancelled";
    let error: { message: string } | undefined;
    if (out === undefined) output.line();
    else if (!cancelled) error = await keep(output, outcome.code, out);
    if (outcome.notice !== undefined) output.remark(output.style("yellow", outcome.notice));
    output.remark(output.style("dim", figuresLine(outcome.figures)));
    const exitCode = cancelled ? 130 : error === undefined ? 0 : 1;
    return { exitCode, json: { image: name, out, model, ...outcome, error } };
  });
}

/** Said before minutes of work, and met again when writing. */
function checkPlace(out: string): void {
  if (existsSync(out)) throw new UsageError(`${out} exists already; it is not overwritten.`, "ui");
  const folder = dirname(resolve(out));
  if (!existsSync(folder)) throw new UsageError(`There is no folder ${folder} to write ${out} to.`, "ui");
  if (!statSync(folder).isDirectory()) throw new UsageError(`${folder} is a file, not a folder.`, "ui");
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new UsageError(`Nothing can be written to ${folder}: ${unwritableReason(error)}.`, "ui");
  }
}

/** Writes the code to the new file, or prints it where that fails. @returns Why it failed. */
async function keep(output: Output, code: string, out: string): Promise<{ message: string } | undefined> {
  const text = `${code.trimEnd()}\n`;
  try {
    await writeNew(out, text);
  } catch (error) {
    output.raw(text);
    const message = `${out} could not be written: ${unwritableReason(error)}. The code was printed instead.`;
    output.remark(`fathom: ${message}`);
    return { message };
  }
  output.line(`The code is in ${out}.`);
  return undefined;
}

/** Never over another file; half a file would stand in the way of the next try. */
async function writeNew(file: string, text: string): Promise<void> {
  const handle = await open(file, "wx");
  try {
    await handle.writeFile(text);
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

async function readImage(name: string): Promise<{ imageBase64: string; mimeType: string }> {
  let bytes: Buffer;
  try {
    bytes = await readFile(name);
  } catch (error) {
    throw new UsageError(unreadableSentence(name, error), "ui");
  }
  const kind = SIGNATURES.find((signature) => signature.bytes.every((byte, index) => bytes[index] === byte));
  if (kind === undefined) throw new UsageError(`${name} is neither a PNG nor a JPEG.`, "ui");
  return { imageBase64: bytes.toString("base64"), mimeType: kind.mimeType };
}
