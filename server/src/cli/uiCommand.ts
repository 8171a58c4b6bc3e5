// The command `ui`: code for the user interface in an image, on stdout or in a new file.
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { ScreenshotRequest } from "../protocol/messages.ts";
import { UsageError } from "./arguments.ts";
import { figuresLine } from "./format.ts";
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
  // Said before minutes of work, and checked again when writing.
  if (out !== undefined && existsSync(out)) throw new UsageError(`${out} exists already; it is not overwritten.`, "ui");
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
    if (out === undefined) output.line();
    else if (!cancelled) {
      await writeFile(out, `${outcome.code.trimEnd()}\n`, { flag: "wx" });
      output.line(`The code is in ${out}.`);
    }
    if (outcome.notice !== undefined) output.remark(output.style("yellow", outcome.notice));
    output.remark(output.style("dim", figuresLine(outcome.figures)));
    return { exitCode: cancelled ? 130 : 0, json: { image: name, out, model, ...outcome } };
  });
}

async function readImage(name: string): Promise<{ imageBase64: string; mimeType: string }> {
  let bytes: Buffer;
  try {
    bytes = await readFile(name);
  } catch (error) {
    throw new UsageError(`${name} cannot be read: ${error instanceof Error ? error.message : String(error)}`, "ui");
  }
  const kind = SIGNATURES.find((signature) => signature.bytes.every((byte, index) => bytes[index] === byte));
  if (kind === undefined) throw new UsageError(`${name} is neither a PNG nor a JPEG.`, "ui");
  return { imageBase64: bytes.toString("base64"), mimeType: kind.mimeType };
}
