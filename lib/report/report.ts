// The output of a task: notes and lists on standard error, in the style of where it runs; its result or failure, also as --json, on standard output.
import { type ExitCode, Failure } from '../errors.ts';
import { annotation, inert, summarize } from './github-actions.ts';
import { type FailureReport, explanation, failureReport } from './failure.ts';
import type { Item, ItemOutcome } from './items.ts';
import { runPlainly } from './plain.ts';
import { table } from './table.ts';
import { visible, visiblePainted } from './safe-text.ts';
import { stripVTControlCharacters } from 'node:util';

type Paint = (text: string) => string;

export type Report = {
  readonly json: boolean;
  readonly verbose: boolean;
  /** A line for the person. All of these go to standard error; standard output belongs to the result. */
  say: (line: string) => void;
  warn: (line: string) => void;
  heading: (line: string) => void;
  /** Does the items one after the other and shows them. The first that rejects ends it; its error is thrown on unchanged. */
  show: (items: readonly Item[]) => Promise<void>;
  /** Text with aligned columns, cut to the terminal that standard output is; never cut elsewhere. */
  table: (rows: readonly (readonly string[])[], more?: { head?: readonly string[] }) => string;
  /** Colours for the result and for lines; they disappear where no colour belongs. */
  readonly paint: Readonly<Record<'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan', Paint>>;
};

type Stream = { write(text: string): unknown; isTTY?: boolean | undefined; columns?: number | undefined };

export type ReportOptions = {
  /** What the task is called, for GitHub's pages. */
  title: string;
  stdout: Stream;
  stderr: Stream;
  /** Standard error again when a live list can be drawn there: both streams are terminals of a known width. */
  screen: NodeJS.WriteStream | undefined;
  environment: NodeJS.ProcessEnv;
  json: boolean;
  verbose: boolean;
  now?: () => Date;
};

/** The task's report, and what only the frame may say: the result, the failure, the end. */
export type Reporter = {
  report: Report;
  /** The result, on standard output. */
  result: (text: string, json: unknown) => void;
  /** `exit` replaces the error's own code. */
  fail: (error: unknown, exit?: ExitCode) => FailureReport;
  /** Writes the job's summary, when there is one. */
  close: (told?: FailureReport) => Promise<void>;
};

// A failing item's own last lines, shown when its error has no detail.
const lastLines = 20;

export async function createReporter(around: ReportOptions): Promise<Reporter> {
  const { stdout, stderr, environment, verbose, json, now = () => new Date() } = around;
  const actions = environment['GITHUB_ACTIONS'] === 'true';
  const colours = { out: colourful(stdout, environment), err: colourful(stderr, environment) };
  const paint = await paints(colours.out || colours.err);
  const stamped = stderr.isTTY !== true;
  const done: ItemOutcome[] = [];
  let note: ((line: string) => void) | undefined;

  const raw = (text: string) => {
    stderr.write(`${colours.err ? text : stripVTControlCharacters(text)}\n`);
  };
  const line = (text: string) => raw(stamped ? `${paint.dim(clock(now()))} ${text}` : text);
  const timed = (text: string) => raw(`${paint.dim(clock(now()))} ${text}`);
  const speak = (text: string) => {
    for (const one of visiblePainted(text).split('\n')) {
      const safe = actions ? inert(one) : one;
      if (note) note(safe);
      else line(safe);
    }
  };

  const drawn = async (screen: NodeJS.WriteStream, items: Item[]) => {
    const { draw } = await import('./terminal.ts');
    const notes: string[] = [];
    const listen = (show: (line: string) => void) => {
      note = text => {
        notes.push(text);
        show(text);
      };
    };
    try {
      await draw(items, { stream: screen, listen });
    } finally {
      note = undefined;
      notes.forEach(line);
    }
  };

  const written = async (items: Item[]) => {
    for (const item of items) {
      if (item.skip === undefined) await runPlainly(item, { line: timed, raw, paint }, { verbose, actions });
      else timed(`- ${item.title}: ${item.skip}`);
    }
  };

  const show = async (items: readonly Item[]) => {
    const tail: string[] = [];
    const outcomes: ItemOutcome[] = [];
    const watched = items.map(item => {
      const title = oneLine(item.title);
      const skip = item.skip === undefined ? undefined : oneLine(item.skip);
      const outcome: ItemOutcome =
        skip === undefined ? { title, state: 'not reached' } : { title, state: 'skipped', why: skip };
      outcomes.push(outcome);
      return { title, ...(skip === undefined ? {} : { skip }), run: watch(item, outcome, tail) };
    });
    try {
      await (around.screen && !verbose && !actions ? drawn(around.screen, watched) : written(watched));
    } catch (error) {
      // An error with a detail has shown what was seen, and an interruption needs no explanation.
      const enough = error instanceof Failure && (error.detail || error.exit >= 130);
      if (!enough && !verbose && !actions) for (const text of tail) raw(paint.dim(`    ${text}`));
      throw error;
    } finally {
      done.push(...outcomes);
    }
  };

  return {
    report: {
      json,
      verbose,
      say: speak,
      warn: text => speak(`${paint.yellow('!')} ${text}`),
      heading: text => speak(paint.bold(text)),
      show,
      table: (rows, more) => table(rows, (stdout.isTTY && stdout.columns) || Infinity, more?.head),
      paint,
    },
    result(text, value) {
      if (json) return void stdout.write(`${oneObject(value)}\n`);
      const safe = visiblePainted(actions ? inert(text) : text);
      if (text) stdout.write(`${colours.out ? safe : stripVTControlCharacters(safe)}\n`);
    },
    fail(error, exit) {
      const found = failureReport(error, verbose);
      const told = exit === undefined ? found : { ...found, exit };
      const { message, detail, advice } = explanation(told);
      const safe = (text: string) => (actions ? inert(text) : text);
      for (const text of message) raw(paint.red(safe(text)));
      for (const text of detail) raw(paint.dim(safe(text)));
      for (const text of advice) raw(paint.cyan(safe(text)));
      if (actions) raw(annotation(around.title, [told.message, told.advice].filter(Boolean).join('\n')));
      if (json) stdout.write(`${oneObject({ error: told })}\n`);
      return told;
    },
    async close(told) {
      const file = environment['GITHUB_STEP_SUMMARY'];
      if (actions && file && (done.length > 0 || told)) await summarize(file, around.title, done, told?.message);
    },
  };
}

/** The item's `run`, with what came of it written down and its last lines kept. */
function watch(item: Item, outcome: ItemOutcome, tail: string[]): Item['run'] {
  return async say => {
    const started = performance.now();
    tail.length = 0;
    outcome.state = 'failed';
    try {
      await item.run(text => {
        tail.push(...visible(text).split('\n'));
        tail.splice(0, tail.length - lastLines);
        say(text);
      });
      outcome.state = 'done';
    } finally {
      outcome.seconds = (performance.now() - started) / 1000;
    }
  };
}

/** Whether colours belong on a stream: FORCE_COLOR and NO_COLOR decide, then whether it is a terminal. */
function colourful(stream: Stream, { FORCE_COLOR, NO_COLOR, TERM }: NodeJS.ProcessEnv): boolean {
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  return !NO_COLOR && TERM !== 'dumb' && stream.isTTY === true;
}

async function paints(wanted: boolean): Promise<Report['paint']> {
  if (!wanted) {
    const bare: Paint = text => text;
    return { bold: bare, dim: bare, red: bare, green: bare, yellow: bare, cyan: bare };
  }
  const { Chalk } = await import('chalk');
  const { bold, dim, red, green, yellow, cyan } = new Chalk({ level: 1 });
  return { bold, dim, red, green, yellow, cyan };
}

/** JSON on one line that is as harmless on a terminal as it is to a parser. */
export function oneObject(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  return text.replace(
    /[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g,
    found => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function oneLine(text: string): string {
  return visible(text).replace(/\s*\n\s*/g, ' ');
}

function clock(now: Date): string {
  return now.toTimeString().slice(0, 8);
}
