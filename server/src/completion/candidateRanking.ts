// Puts several texts for one cursor in order: those that break the syntax least stand first.

/**
 * @param errorsAdded Parse errors that each candidate adds, in the candidates' order; undefined if the parser has no say.
 * @returns The candidates; those that add as many errors keep their order, which is the model's.
 */
export function rankCandidates<T>(candidates: readonly T[], errorsAdded: readonly number[] | undefined): T[] {
  const errors = (index: number) => errorsAdded?.[index] ?? 0;
  const order = candidates.map((_, index) => index).sort((a, b) => errors(a) - errors(b));
  return order.map((index) => candidates[index]!);
}
