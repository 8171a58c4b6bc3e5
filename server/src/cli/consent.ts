// Consent to a download on the command line: by naming the host exactly, or at the terminal.
import { formatBytes } from "../protocol/formatBytes.ts";
import { type CommandName, UsageError } from "./arguments.ts";
import type { CommandContext } from "./session.ts";

export interface Offer {
  /** The command that downloads, for its help. */
  command: CommandName;
  /** What is downloaded; begins the sentences. */
  title: string;
  /** What to know before agreeing: licence, what it takes. */
  details: string;
  bytes: number;
  /** With port, if the address has one. */
  host: string;
}

/**
 * @returns False when the user declined at the terminal.
 * @throws UsageError when another host was agreed to, or nobody is there to ask.
 */
export async function agreesTo(context: CommandContext, offer: Offer): Promise<boolean> {
  const { output, signal } = context;
  const { consent } = context.options;
  const { command, title, details, host } = offer;
  const size = formatBytes(offer.bytes);
  if (consent === host) return true;
  if (consent !== undefined) {
    throw new UsageError(`${title} comes from ${host}, not from ${consent}; nothing is downloaded.`, command);
  }
  if (!output.interactive) {
    throw new UsageError(`${title} is ${size} from ${host}. To agree to that, add --consent ${host}.`, command);
  }
  output.line(`${title}, ${details}`);
  return output.confirm(`Download ${size} from ${host}?`, signal);
}
