// What a task declares about its command line, and the flags that every task has.

export type Flag =
  | {
      type: 'string';
      about: string;
      short?: string;
      default?: string;
      choices?: readonly string[];
      /** The word help shows in <…>. */
      value?: string;
    }
  /** May be given several times. */
  | { type: 'list'; about: string; short?: string; default?: undefined; value?: string }
  | { type: 'duration'; about: string; short?: string; default?: number; value?: string }
  | { type: 'boolean'; about: string; short?: string };

export type Flags = Readonly<Record<string, Flag>>;

export type Positional = {
  name: string;
  about: string;
  choices?: readonly string[];
  required?: boolean;
  /** The last one may be given several times. */
  many?: boolean;
};

/** 'one': --env is required; 'optional': it may be left out; 'none': the task knows no --env. */
export type Reach = 'one' | 'optional' | 'none';

/** What a task declares about its command line. */
export type Shape = {
  about: string;
  examples: readonly string[];
  positionals?: readonly Positional[];
  args?: Flags;
  /** The arguments after `--`, for tasks that pass them on; without it, `-- anything` is refused. */
  rest?: { name: string; about: string };
  target?: Reach;
  changes?: boolean;
};

/** Strings are undefined when not given and without a default, lists are empty, durations are seconds, booleans are false. */
export type Values<F extends Flags> = {
  [K in keyof F]: F[K] extends { type: 'boolean' }
    ? boolean
    : F[K] extends { type: 'list' }
      ? string[]
      : F[K] extends { default: string | number }
        ? Given<F[K]>
        : Given<F[K]> | undefined;
};

type Given<F> = F extends { type: 'duration' } ? number : F extends { choices: readonly (infer C)[] } ? C : string;

const everywhere: Flags = {
  config: {
    type: 'string',
    value: 'file',
    about: 'the configuration; otherwise $BOOKOPS_CONFIG, otherwise ops.yml here',
  },
  json: { type: 'boolean', about: 'print exactly one JSON object on standard output' },
  verbose: { type: 'boolean', short: 'v', about: 'show every line that commands print' },
  help: { type: 'boolean', short: 'h', about: 'show this help' },
};

const changing: Flags = {
  plan: { type: 'boolean', about: 'show the steps and change nothing' },
  wait: { type: 'duration', value: '5m', about: 'how long to wait for another run to end (default: do not wait)' },
};

/** All flags a task takes: its own first, then those every task of its kind has. */
export function flagsOf(shape: Shape): Map<string, Flag> {
  const reach = shape.target ?? 'one';
  const target: Flags = {
    env: { type: 'string', short: 'e', value: 'name', about: 'the environment, as in ops.yml' },
    app: {
      type: 'string',
      short: 'a',
      value: 'name',
      about: 'the app; needed when ops.yml has several and no default',
    },
  };
  return new Map(
    Object.entries({
      ...shape.args,
      ...(reach === 'none' ? {} : target),
      ...(shape.changes ? changing : {}),
      ...everywhere,
    }),
  );
}
