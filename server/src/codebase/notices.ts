// Tells each thing that failed without stopping the work once in a session: a full disk is one message, not one a save.

/** What comes after it differs from time to time: the free space, the file's name. */
const DETAIL = ":";

export class Notices {
  readonly #log: (line: string) => void;
  readonly #told = new Set<string>();

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** @param notes Sentences; those that begin alike up to a colon are about the same thing. @returns Those told now. */
  tell(notes: readonly string[]): string[] {
    const fresh = notes.filter((note) => {
      const subject = note.split(DETAIL, 1)[0] ?? note;
      const isNew = !this.#told.has(subject);
      this.#told.add(subject);
      return isNew;
    });
    for (const note of fresh) this.#log(note);
    return fresh;
  }
}
