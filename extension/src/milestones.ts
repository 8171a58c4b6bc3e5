// Tells VS Code's walkthrough what the user has done, by context keys that its steps wait for; pure, no VS Code.

/** What no command of VS Code's or Fathom's own tells; a test compares them with the walkthrough in package.json. */
export const MILESTONES = ["modelChosen", "questionAnswered"] as const;

export type Milestone = (typeof MILESTONES)[number];

/** The key that the step's completion event names. */
export function milestoneKey(milestone: Milestone): string {
  return `fathom.${milestone}`;
}

export class Milestones {
  readonly #setContext: (key: string, value: boolean) => void;

  constructor(setContext: (key: string, value: boolean) => void) {
    this.#setContext = setContext;
  }

  /**
   * The key is true for a moment only: a step whose key is true already when VS Code first looks at the walkthrough never
   * counts as done in that window.
   */
  reach(milestone: Milestone): void {
    this.#setContext(milestoneKey(milestone), true);
    this.#setContext(milestoneKey(milestone), false);
  }
}
