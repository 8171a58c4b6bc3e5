// Cuts a list of files or texts into batches; bounds memory, and gives progress and cancelling a pace.

/** Most items of a batch. */
const BATCH_ITEMS = 64;
/** Most of a batch in bytes or characters; an item that is larger is a batch of its own. */
const BATCH_SIZE = 1024 * 1024;

/**
 * @param items In the order of the batches.
 * @param sizeOf Bytes or characters of an item.
 */
export function* batches<Item>(items: readonly Item[], sizeOf: (item: Item) => number): Generator<Item[]> {
  let batch: Item[] = [];
  let size = 0;
  for (const item of items) {
    const full = batch.length === BATCH_ITEMS || size + sizeOf(item) > BATCH_SIZE;
    if (full && batch.length > 0) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(item);
    size += sizeOf(item);
  }
  if (batch.length > 0) yield batch;
}
