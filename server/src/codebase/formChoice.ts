// Chooses which files stand whole in the base and which by their signatures, within a number of tokens.
import { batches } from "./batches.ts";
import { estimatedTokens, type FileTexts, type PartCounter, type PartForm } from "./fileParts.ts";

/** Most of the room that signatures may take; what they do not need goes to whole files. */
const OUTLINE_SHARE = 0.25;
/**
 * A room this full is full: hunting for the file that fits the last gap would let every small edit change which files
 * are in, and with them all that stands behind them in the base.
 */
const SLACK_SHARE = 0.02;

export interface Chosen {
  form: PartForm;
  tokens: number;
}

export interface ChoiceRequest<File extends FileTexts> {
  /** Best first. */
  files: readonly File[];
  /** Most tokens of all chosen parts together. */
  roomTokens: number;
  counter: PartCounter;
  signal: AbortSignal | undefined;
}

/**
 * Takes files whole, best first, for as long as they fit, keeping room for signatures; then the signatures of the
 * others, best first; then files whole again with what is left, in place of their signatures. Counting stops once a
 * whole batch had no room.
 * @returns In the order in which they were taken; a file that is missing stands by its path. Never over the room.
 * @throws The signal's reason when aborted, and what counting throws.
 */
export async function chooseForms<File extends FileTexts>(request: ChoiceRequest<File>): Promise<Map<File, Chosen>> {
  const { files, roomTokens } = request;
  const chosen = new Map<File, Chosen>();
  const outlined = files.filter(({ outline, whole }) => outline.trim() !== "" && outline.length < whole.length);
  const wanted = outlined.reduce((sum, { outline }) => sum + estimatedTokens(outline.length), 0);
  const outlineRoom = Math.floor(roomTokens * OUTLINE_SHARE);
  let left = roomTokens;
  const keep = Math.min(outlineRoom, wanted);
  left -= await take(request, chosen, { form: "whole", from: files, room: roomTokens - keep });
  const notWhole = outlined.filter((file) => !chosen.has(file));
  left -= await take(request, chosen, { form: "outline", from: notWhole, room: Math.min(outlineRoom, left) });
  await take(request, chosen, {
    form: "whole",
    from: files.filter((file) => chosen.get(file)?.form !== "whole"),
    room: left,
  });
  return chosen;
}

/** @returns Tokens taken of `room`. */
async function take<File extends FileTexts>(
  { counter, roomTokens, signal }: ChoiceRequest<File>,
  chosen: Map<File, Chosen>,
  { form, from, room }: { form: PartForm; from: readonly File[]; room: number },
): Promise<number> {
  const slack = roomTokens * SLACK_SHARE;
  let left = room;
  for (const batch of batches(from, (file) => file[form].length)) {
    if (left <= slack) break;
    signal?.throwIfAborted();
    const counts = await counter.count(batch, form);
    let nTaken = 0;
    for (const [index, file] of batch.entries()) {
      // In place of its signatures, if it has them.
      const tokens = counts[index]!;
      const more = tokens - (chosen.get(file)?.tokens ?? 0);
      if (left <= slack || more > left) continue;
      chosen.delete(file);
      chosen.set(file, { form, tokens });
      left -= more;
      nTaken++;
    }
    if (nTaken === 0) break;
  }
  return room - left;
}
