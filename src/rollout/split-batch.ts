/** Carries each part of a batch out in the store that it belongs to, all at once, and answers in the batch's order. */
export async function splitBatch<T, Store, R>(
  items: readonly T[],
  storeOf: (item: T) => Store,
  run: (store: Store, part: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const places = new Map<Store, number[]>();
  items.forEach((item, i) => {
    const store = storeOf(item);
    const known = places.get(store);
    if (known === undefined) places.set(store, [i]);
    else known.push(i);
  });
  const results: R[] = new Array(items.length);
  const parts = [...places].map(async ([store, at]) => {
    const answers = await run(
      store,
      at.map((i) => items[i]),
    );
    at.forEach((place, i) => {
      results[place] = answers[i];
    });
  });
  await Promise.all(parts);
  return results;
}
