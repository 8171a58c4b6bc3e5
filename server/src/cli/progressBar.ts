// Shows how far work is: a bar on a terminal, a line now and then in a log; knows no server.
import { SingleBar } from "cli-progress";
import { printable } from "./format.ts";

/** Width of the bar alone, characters; the words say more, so it gives way to them. */
const BAR_WIDTH = 24;
const NARROW_BAR_WIDTH = 10;
/** From so many columns on there is room for the wide bar. */
const WIDE_COLUMNS = 110;
/** Where no terminal says how wide it is, characters. */
const DEFAULT_COLUMNS = 80;
/** Redraws per second. */
const REDRAWS_PER_SECOND = 10;
/** Without a terminal there is one line per so many hundredths: enough to see that it goes on. */
const STEP_PERCENT = 20;

export interface ProgressLine {
  /**
   * @param share How much is done, 0 to 1.
   * @param words What is going on now.
   */
  update(share: number, words: string): void;
  /** Removes the bar; further updates show nothing. */
  finish(): void;
}

export interface ProgressStream {
  isTTY?: boolean;
  write(text: string): unknown;
}

/** A bar that is redrawn in place on a terminal; else sparse plain lines. */
export function showProgress(title: string, stream: NodeJS.WriteStream): ProgressLine {
  return stream.isTTY ? drawBar(title, stream) : writeSparseLines(title, stream);
}

/** Shows nothing, for output that programs read. */
export const NO_PROGRESS: ProgressLine = { update() {}, finish() {} };

/** One line at the beginning and one at each step; a share that falls back writes nothing. */
export function writeSparseLines(title: string, stream: ProgressStream): ProgressLine {
  let nextPercent = 0;
  return {
    update(share, words) {
      const percent = toPercent(share);
      if (percent < nextPercent) return;
      nextPercent = (Math.floor(percent / STEP_PERCENT) + 1) * STEP_PERCENT;
      stream.write(`${title}: ${percent} %, ${printable(words)}\n`);
    },
    finish() {
      nextPercent = Number.POSITIVE_INFINITY;
    },
  };
}

function drawBar(title: string, stream: NodeJS.WriteStream): ProgressLine {
  const columns = stream.columns ?? DEFAULT_COLUMNS;
  const barsize = columns < WIDE_COLUMNS ? NARROW_BAR_WIDTH : BAR_WIDTH;
  const room = columns - title.length - barsize - "   100 %  ".length;
  const bar = new SingleBar({
    format: `${title}  {bar} {percentage} %  {words}`,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize,
    fps: REDRAWS_PER_SECOND,
    stream,
    hideCursor: true,
    clearOnComplete: true,
    linewrap: false,
  });
  bar.start(100, 0, { words: "" });
  return {
    update: (share, words) => bar.update(toPercent(share), { words: wholeParts(printable(words), room) }),
    // The cursor comes back here, also when the work was cancelled or failed.
    finish: () => bar.stop(),
  };
}

/** As many of the parts between commas as fit; the first one always. */
export function wholeParts(words: string, width: number): string {
  let text = words;
  while (text.length > width && text.includes(", ")) text = text.slice(0, text.lastIndexOf(", "));
  return text;
}

/** A share of nothing, which is no number, counts as none. */
function toPercent(share: number): number {
  return Math.floor(100 * Math.min(1, Math.max(0, share || 0)));
}
