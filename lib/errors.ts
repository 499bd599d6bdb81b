// The failures a person can meet, each with the exit code that cron and CI act on.

/** Exit codes, design: 1 undone · 2 wrong flag · 3 wrong file · 4 host · 5 locked · 6 needs a person · 7 backup · 130/143 interrupted. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 130 | 143;

type FailureMore = { advice?: string | undefined; detail?: string | undefined; cause?: unknown };

/** An expected failure: `message` says what happened and where, `advice` what to type next, `detail` what was seen (log tail, answer). */
export class Failure extends Error {
  readonly exit: ExitCode;
  readonly advice: string | undefined;
  readonly detail: string | undefined;
  constructor(exit: ExitCode, message: string, more: FailureMore = {}) {
    super(message, { cause: more.cause });
    this.name = 'Failure';
    this.exit = exit;
    this.advice = more.advice;
    this.detail = more.detail;
  }
}

/** What an unknown thing that was thrown says of itself. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
