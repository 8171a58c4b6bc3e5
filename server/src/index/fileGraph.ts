// Who uses whom among the files of the index, for search: what is near to the files that someone works on or that were found.
import { setImmediate } from "node:timers/promises";
import { ImportResolver } from "./importResolver.ts";
import { type GraphFile, voteSteps } from "./symbolGraph.ts";

/** So many files take some tens of milliseconds at most, and are looked through when someone asks; more take seconds. */
const MAX_AT_ONCE = 300;
/** Work in between gets its turn after so long, milliseconds. */
const TURN_MS = 10;

/** By path: the neighbours, with the share of all ties. */
type Neighbours = Map<string, Map<string, number>>;

interface Ties {
  neighbours: Neighbours;
  /** By path: what others use of a file. */
  uses: ReadonlyMap<string, number>;
}

export class FileGraph {
  readonly #files = new Map<string, GraphFile>();
  #ties: Ties = { neighbours: new Map(), uses: new Map() };
  /** Files came, went or changed since the ties were looked for. */
  #isStale = false;
  #refreshing: Promise<void> | undefined;
  /** Made of these paths, and of use as long as they are the same. */
  #resolver: { paths: ReadonlySet<string>; resolver: ImportResolver } | undefined;

  put(file: GraphFile): void {
    this.#files.set(file.path, file);
    this.#isStale = true;
  }

  remove(path: string): void {
    if (this.#files.delete(path)) this.#isStale = true;
  }

  /** Looks for the ties anew if something changed; in a large workspace only this does. Gives way in between. */
  async refresh(): Promise<void> {
    // It may have begun before the last change.
    await this.#refreshing;
    if (!this.#isStale) return;
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  /**
   * Files one step away, in both directions; in a large workspace as of the last {@link refresh}.
   * @param weights Of the files to start from, by path.
   * @returns Weights by path; the files themselves are not in it unless they are neighbours of each other.
   */
  near(weights: ReadonlyMap<string, number>): Map<string, number> {
    this.#refreshIfFew();
    const near = new Map<string, number>();
    for (const [path, weight] of weights) {
      for (const [other, share] of this.#ties.neighbours.get(path) ?? []) {
        near.set(other, (near.get(other) ?? 0) + weight * share);
      }
    }
    return near;
  }

  /**
   * @returns How much of a file others use: each of their names and imports counts 1, shared by the files that it may mean;
   *   in a large workspace as of the last {@link refresh}.
   */
  useOf(path: string): number {
    this.#refreshIfFew();
    return this.#ties.uses.get(path) ?? 0;
  }

  #refreshIfFew(): void {
    if (!this.#isStale || this.#files.size > MAX_AT_ONCE) return;
    this.#isStale = false;
    const steps = tieSteps([...this.#files.values()]);
    let step = steps.next();
    while (!step.done) step = steps.next();
    this.#ties = step.value;
  }

  async #refresh(): Promise<void> {
    this.#isStale = false;
    const steps = tieSteps([...this.#files.values()]);
    let turnEnd = performance.now() + TURN_MS;
    let step = steps.next();
    while (!step.done) {
      if (performance.now() >= turnEnd) {
        await setImmediate();
        turnEnd = performance.now() + TURN_MS;
      }
      step = steps.next();
    }
    this.#ties = step.value;
  }

  /** Paths of the files that a file imports, in the order of its imports; none for a file that is not there. */
  imported(path: string): string[] {
    const imports = this.#files.get(path)?.imports ?? [];
    if (imports.length === 0) return [];
    const known = this.#resolver?.paths;
    const isSame = known?.size === this.#files.size && [...this.#files.keys()].every((other) => known.has(other));
    if (!isSame) {
      const paths = new Set(this.#files.keys());
      this.#resolver = { paths, resolver: new ImportResolver([...paths]) };
    }
    const { resolver } = this.#resolver!;
    const targets = new Set(imports.flatMap((text) => resolver.resolve(path, text)));
    targets.delete(path);
    return [...targets];
  }
}

function* tieSteps(files: readonly GraphFile[]): Generator<undefined, Ties> {
  const neighbours: Neighbours = new Map();
  const uses = new Map<string, number>();
  const tie = (from: string, to: string, weight: number) => {
    const others = neighbours.get(from) ?? new Map<string, number>();
    others.set(to, (others.get(to) ?? 0) + weight);
    neighbours.set(from, others);
  };
  for (const [from, targets] of yield* voteSteps(files)) {
    for (const [to, weight] of targets) {
      tie(from, to, weight);
      tie(to, from, weight);
      uses.set(to, (uses.get(to) ?? 0) + weight);
    }
    yield;
  }
  for (const others of neighbours.values()) {
    const sum = [...others.values()].reduce((total, weight) => total + weight, 0);
    for (const [other, weight] of others) others.set(other, weight / sum);
    yield;
  }
  return { neighbours, uses };
}
