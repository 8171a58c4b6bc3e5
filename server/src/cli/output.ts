// Where the command line writes: results to stdout, progress and remarks to stderr, colours only on a terminal.
import { createInterface } from "node:readline/promises";
import { styleText } from "node:util";
import { printable } from "./format.ts";
import { NO_PROGRESS, type ProgressLine, showProgress } from "./progressBar.ts";

/** Lines longer than this are hard to read, characters. */
const LONGEST_LINE = 100;
/** Where no terminal says how wide it is, characters. */
const DEFAULT_WIDTH = 100;
/** Where no terminal says how high it is, lines. */
const DEFAULT_HEIGHT = 50;

const ESCAPE = "\u001b";
/** What follows the escape character in the sequences of {@link Style}, their ends included. */
const STYLES = /^\[(?:1|2|22|31|32|33|36|39)m/;

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

export interface Output {
  /** Characters in a line. */
  readonly width: number;
  /** Lines on the screen. */
  readonly height: number;
  /** Somebody sits at a terminal and can answer questions. */
  readonly interactive: boolean;
  /** A line of the result. */
  line(text?: string): void;
  /** Text of a file or a model as it is; made harmless where a terminal shows it. */
  raw(text: string): void;
  /** The same beside the result, on stderr. */
  aside(text: string): void;
  /** A line beside the result, on stderr. */
  remark(text: string): void;
  /** The text in a colour, where colours are shown. */
  style(style: Style, text: string): string;
  progress(title: string): ProgressLine;
  /** Asks a question that `y` affirms; false when nobody can answer. */
  confirm(question: string, signal: AbortSignal): Promise<boolean>;
}

/** Output for people. Colours follow the terminal and the variables NO_COLOR and FORCE_COLOR, as in Node. */
export function terminalOutput(): Output {
  const { stdin, stdout, stderr } = process;
  const interactive = stdin.isTTY === true && stdout.isTTY === true;
  const write = (stream: NodeJS.WriteStream, text: string, clean: (text: string) => string) =>
    void stream.write(stream.isTTY ? clean(text) : text);
  // A remark in the middle of a bar would be drawn over: it waits until the bar is gone.
  let waiting: string[] | undefined;
  const remark = (text: string) => {
    if (waiting === undefined) write(stderr, `${text}\n`, printableStyled);
    else waiting.push(text);
  };
  const progress = (title: string): ProgressLine => {
    const { update, finish } = showProgress(title, stderr);
    if (stderr.isTTY) waiting = [];
    const finishAndRemark = () => {
      finish();
      const texts = waiting ?? [];
      waiting = undefined;
      for (const text of texts) remark(text);
    };
    return { update, finish: finishAndRemark };
  };
  return {
    width: Math.min(LONGEST_LINE, stdout.columns ?? DEFAULT_WIDTH),
    height: stdout.rows ?? DEFAULT_HEIGHT,
    interactive,
    line: (text = "") => write(stdout, `${text}\n`, printableStyled),
    raw: (text) => write(stdout, text, printable),
    aside: (text) => write(stderr, text, printable),
    remark,
    style: (style, text) => styleText(style, text, { stream: stdout }),
    progress,
    confirm: (question, signal) => (interactive ? ask(question, signal) : Promise.resolve(false)),
  };
}

/** Output for programs: nothing is written but the one object at the end, by its owner. */
export function silentOutput(): Output {
  return {
    width: DEFAULT_WIDTH,
    height: DEFAULT_HEIGHT,
    interactive: false,
    line() {},
    raw() {},
    aside() {},
    remark() {},
    style: (_style, text) => text,
    progress: () => NO_PROGRESS,
    confirm: () => Promise.resolve(false),
  };
}

/** The sequences that `style` adds are the only ones let through; others could hide text or move the cursor. */
function printableStyled(text: string): string {
  const [first = "", ...rest] = text.split(ESCAPE);
  return printable(first) + rest.map((part) => (STYLES.test(part) ? ESCAPE : "") + printable(part)).join("");
}

async function ask(question: string, signal: AbortSignal): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
