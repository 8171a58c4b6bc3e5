// Runs asynchronous work over a list with a bounded number of items in flight; knows nothing of files.

/**
 * @param items Work items, started in order.
 * @param width Most items in flight at once.
 * @param work Called once per item; the first rejection stops new items from starting and is thrown.
 * @param signal Aborting stops new items from starting.
 * @returns The results in the order of the items.
 * @throws The signal's reason when aborted.
 */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < items.length; index = next++) {
      signal?.throwIfAborted();
      try {
        results[index] = await work(items[index]!);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
  signal?.throwIfAborted();
  return results;
}
