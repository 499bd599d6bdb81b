// Formats a failure: what happened, what was observed, what to type next, in at most 25 lines.
import { type ExitCode, Failure, messageOf } from '../errors.ts';
import { cut, visible } from './safe-text.ts';

/** A failure as --json prints it. */
export type FailureReport = { message: string; exit: ExitCode; advice: string | null; detail: string | null };

const most = 25;
const widest = 300;

/** What there is to say of anything that was thrown. Only a Failure was expected; the rest is our own mistake. */
export function failureReport(error: unknown, verbose: boolean): FailureReport {
  if (error instanceof Failure)
    return { message: error.message, exit: error.exit, advice: error.advice ?? null, detail: error.detail ?? null };
  const stack = error instanceof Error ? error.stack : undefined;
  return {
    message: `${messageOf(error) || 'an error without a message'} (this is a bug in bookops)`,
    exit: 1,
    advice: verbose ? 'report it with the lines above' : 'run it again with --verbose to see where, and report it',
    detail: (verbose && stack) || null,
  };
}

/** Message, then the detail, indented, cut from its start so that its end is seen, then the advice. */
export function explanation({ message, detail, advice }: FailureReport) {
  const first = rows(message).slice(0, most - 1);
  const last = rows(advice)
    .slice(0, most - first.length)
    .map(line => `→ ${line}`);
  const room = most - first.length - last.length;
  const seen = rows(detail);
  const kept =
    seen.length <= room
      ? seen
      : [`… ${seen.length - room + 1} lines before this are left out`, ...tail(seen, room - 1)];
  return { message: first, detail: room > 0 ? kept.map(line => `  ${line}`) : [], advice: last };
}

function tail(lines: string[], count: number): string[] {
  return count > 0 ? lines.slice(-count) : [];
}

function rows(text: string | null): string[] {
  if (text === null) return [];
  return visible(text)
    .trimEnd()
    .split('\n')
    .map(line => cut(line.trimEnd(), widest));
}
