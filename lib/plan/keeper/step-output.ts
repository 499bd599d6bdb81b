// Assigns output to steps: what a step prints is shown with that step, also if it ended before anybody listened to it.

const most = 400;

/**
 * Lines come in the order in which things run, one thing at a time; who waits for them may be late by several. `of` names
 * what speaks, such as `step 3`.
 */
export class StepOutput {
  /** Of what runs now, as long as nobody listens to it. */
  #now: string[] = [];
  readonly #ended = new Map<string, string[]>();
  #listener: { of: string; say: (line: string) => void } | undefined;

  say(line: string): void {
    if (this.#listener) this.#listener.say(line);
    else this.#now = [...this.#now.slice(1 - most), line];
  }

  /**
   * What comes from here on is not of it. To be called at once, as what is next may have spoken in the same breath; only
   * the first time counts.
   */
  end(of: string): void {
    if (this.#ended.has(of)) return;
    const heard = this.#listener?.of === of;
    this.#ended.set(of, heard ? [] : this.#now);
    if (heard) this.#listener = undefined;
    else this.#now = [];
  }

  /** It never runs, and says nothing. */
  skip(of: string): void {
    this.#ended.set(of, []);
  }

  /** Passes on its output until `over`, beginning with what it has printed already. */
  async hear<T>(of: string, say: (line: string) => void, over: Promise<T>): Promise<T> {
    const before = this.#ended.get(of);
    for (const line of before ?? this.#now) say(line);
    if (!before) {
      this.#now = [];
      this.#listener = { of, say };
    }
    try {
      return await over;
    } finally {
      if (this.#listener?.of === of) this.#listener = undefined;
    }
  }

  /** What nobody has listened to. */
  unheard(): readonly string[] {
    return this.#now;
  }
}
