// Promises that are settled from outside: an event of the keeper may come before or after somebody waits for it.

/** A promise to settle or fail later; one that nobody awaits fails silently. */
export class Deferred<T> {
  settle: (value: T) => void = () => {};
  fail: (error: unknown) => void = () => {};
  readonly promise: Promise<T>;
  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.settle = resolve;
      this.fail = reject;
    });
    this.promise.catch(() => {});
  }
}

/** One Deferred per number, made when either side first names it. */
export class DeferredMap<T> {
  readonly #all = new Map<number, Deferred<T>>();
  #over: { error: unknown } | undefined;
  #at(index: number): Deferred<T> {
    let found = this.#all.get(index);
    if (!found) {
      found = new Deferred<T>();
      if (this.#over) found.fail(this.#over.error);
      this.#all.set(index, found);
    }
    return found;
  }
  of(index: number): Promise<T> {
    return this.#at(index).promise;
  }
  settle(index: number, value: T): void {
    this.#at(index).settle(value);
  }
  failAt(index: number, error: unknown): void {
    this.#at(index).fail(error);
  }
  /** Fails those that wait and those that will. */
  fail(error: unknown): void {
    this.#over = { error };
    for (const one of this.#all.values()) one.fail(error);
  }
}
