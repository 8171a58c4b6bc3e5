// Tells each thing that failed without stopping the work once in a session: a full disk is one message, not one a save.

/** What comes after it differs from time to time: the free space, the file's name. */
const DETAIL = /\s*[:(]/;

export class Notices {
  readonly #log: (line: string) => void;
  readonly #told = new Set<string>();

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** @param notes Sentences, compared by {@link subjectOf}. @returns Those told now. */
  tell(notes: readonly string[]): string[] {
    const fresh = oncePerSubject(notes).filter((note) => !this.#told.has(subjectOf(note)));
    for (const note of fresh) this.#told.add(subjectOf(note));
    for (const note of fresh) this.#log(note);
    return fresh;
  }
}

/** @returns The first of those that are about the same thing. */
export function oncePerSubject(notes: readonly string[]): string[] {
  const firsts = new Map<string, string>();
  for (const note of notes) if (!firsts.has(subjectOf(note))) firsts.set(subjectOf(note), note);
  return [...firsts.values()];
}

/** Sentences that begin alike up to a colon or a bracket are about the same thing. */
function subjectOf(note: string): string {
  return note.split(DETAIL, 1)[0] ?? note;
}
