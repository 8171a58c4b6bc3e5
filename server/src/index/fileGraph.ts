// Who uses whom among the files of the index, for search: what is near to the files that someone works on or that were found.
import { ImportResolver } from "./importResolver.ts";
import { type GraphFile, votesOf } from "./symbolGraph.ts";

export class FileGraph {
  readonly #files = new Map<string, GraphFile>();
  /** Neighbours by path with the share of all ties; undefined after a change. */
  #neighbours: Map<string, Map<string, number>> | undefined;
  /** Made of these paths, and of use as long as they are the same. */
  #resolver: { paths: ReadonlySet<string>; resolver: ImportResolver } | undefined;

  put(file: GraphFile): void {
    this.#files.set(file.path, file);
    this.#neighbours = undefined;
  }

  remove(path: string): void {
    if (this.#files.delete(path)) this.#neighbours = undefined;
  }

  /**
   * Files one step away, in both directions.
   * @param weights Of the files to start from, by path.
   * @returns Weights by path; the files themselves are not in it unless they are neighbours of each other.
   */
  near(weights: ReadonlyMap<string, number>): Map<string, number> {
    this.#neighbours ??= neighboursOf([...this.#files.values()]);
    const near = new Map<string, number>();
    for (const [path, weight] of weights) {
      for (const [other, share] of this.#neighbours.get(path) ?? []) {
        near.set(other, (near.get(other) ?? 0) + weight * share);
      }
    }
    return near;
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

function neighboursOf(files: readonly GraphFile[]): Map<string, Map<string, number>> {
  const ties = new Map<string, Map<string, number>>();
  const tie = (from: string, to: string, weight: number) => {
    const others = ties.get(from) ?? new Map<string, number>();
    others.set(to, (others.get(to) ?? 0) + weight);
    ties.set(from, others);
  };
  for (const [from, targets] of votesOf(files)) {
    for (const [to, weight] of targets) {
      tie(from, to, weight);
      tie(to, from, weight);
    }
  }
  for (const others of ties.values()) {
    const sum = [...others.values()].reduce((total, weight) => total + weight, 0);
    for (const [other, weight] of others) others.set(other, weight / sum);
  }
  return ties;
}
