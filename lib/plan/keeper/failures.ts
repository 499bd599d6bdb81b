// How a keeper fails: a step that ended with a code, a lock that somebody holds, a leftover that cannot be undone.
import { Failure } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { taskCommand } from '../../target/command.ts';
import type { Attempt } from './keeper.ts';

/** A step's command ended with a code; the one who knows the step explains it. */
export class StepFailed extends Error {
  readonly title: string;
  readonly code: number;
  /** What the command wrote to descriptor 3. */
  readonly answer: string;
  constructor(title: string, code: number, answer: string, message: string) {
    super(message);
    this.name = 'StepFailed';
    this.title = title;
    this.code = code;
    this.answer = answer;
  }
}

export function locked(holder: string, attempt: Attempt): Failure {
  const said = Object.fromEntries(
    [...holder.matchAll(/(\w+)=(?:"([^"]*)"|(\S*))/g)].map(([, key, quoted, bare]) => [key, quoted ?? bare]),
  );
  const who = said.by ?? 'another run';
  const what = said.action ? ` (${said.action}${said.sha ? ` of ${said.sha.slice(0, 7)}` : ''})` : '';
  const since = said.since ? ` since ${said.since}` : '';
  const step = said.step ? `, at the step “${said.step}”` : '';
  return new Failure(5, `${who} holds the lock of ${attempt.releases}${what}${since}${step}`, {
    advice: 'try again later, or wait for your turn with --wait 5m',
  });
}

export function stuckLeftover(
  host: Host,
  attempt: Attempt,
  settled: string | undefined,
  seen: readonly string[],
): Failure {
  return new Failure(6, `an earlier run stopped midway on ${host.name} and cannot be undone: ${settled ?? 'unknown'}`, {
    detail: seen.filter(Boolean).slice(-12).join('\n'),
    advice: `${attempt.recover ?? taskCommand('recover')} --plan shows what is left, beside what is true now; repair what the lines above name, then the same without --plan`,
  });
}
