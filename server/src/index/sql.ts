// Writes values into the conditions that the store is asked with; imports nothing, so that who reads queries needs no store.

/** @returns A text as SQL writes it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
