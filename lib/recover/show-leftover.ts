// Shows what an interrupted attempt left: the journal beside the present state, or that nothing is left.
import { Failure } from '../errors.ts';
import type { Leftover } from '../plan/keeper/leftover.ts';
import type { Facts } from '../release/facts.ts';
import { sha7 } from '../release/release.ts';
import { serving } from '../release/serving.ts';
import type { Report } from '../report/report.ts';
import type { Result } from '../report/result.ts';
import { nameOf, targetName, taskCommand } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import type { Present } from './present-state.ts';

/** Whether the flag is that of an attempt, and not of a person. */
export const isOurs = (flag: string | undefined): boolean => /^by \S+: (?!switched on by hand)/m.test(flag ?? '');

/** @throws Failure 6 when an attempt's maintenance is on and its journal is gone: nothing tells what is to be undone. */
export function nothingLeft(target: Target, facts: Facts): Result {
  const now = serving(target, facts);
  // a release that was recorded since, or accepted, is known to be there
  const isOpen = !['live', 'accepted'].includes(facts.log.at(-1)?.outcome ?? 'live');
  const lost = `the maintenance of an attempt on ${targetName(target)} is on, and its journal is gone: nothing tells what is to be undone`;
  if (now && !facts.holder && isOpen && isOurs(facts.flag))
    throw new Failure(6, lost, {
      advice: `compare the database with the newest copy in backups first; then ${taskCommand('restart', target)} starts ${sha7(now.sha)}, and ${taskCommand('maintenance off', target)} lets visitors in`,
    });
  return {
    text: `nothing to recover: ${targetName(target)} ${now ? `serves ${sha7(now.sha)}` : 'serves nothing yet'}, and no attempt is left unfinished${facts.holder ? `; another run holds the lock: ${facts.holder}` : ''}${facts.flag === undefined ? '' : `; maintenance is on, and ${taskCommand('maintenance off', target)} ends it`}`,
    json: { ...nameOf(target), outcome: 'nothing to do', current: facts.current },
  };
}

/** The journal beside what is true now. */
export function shownLeftover(target: Target, left: Leftover, now: Present, report: Report): Result {
  const { facts } = now;
  const { bold, red, green, yellow } = report.paint;
  const { line } = left;
  const what = line ? `${line.action} of ${sha7(line.sha)}${line.by ? ` by ${line.by}` : ''}` : 'a change';
  const undo = ({ number, title }: Leftover['undos'][number], at: number) => [
    title ?? `step ${number + 1}`,
    left.failed !== undefined && at === 0 ? red('its undo failed') : 'to undo',
  ];
  const runtime = ['containers', 'unit', 'process'].flatMap(name => facts.answers.get(name)?.trim() || []);
  const truth: [string, string][] = [
    ['serves', now.release ? `${sha7(now.release.sha)} (${now.release.name}): ${now.because}` : 'nothing is known'],
    ['health', now.healthy ? green(now.health) : red(now.health)],
    ['recorded', facts.current ? sha7(facts.current) : 'nothing'],
    ...(facts.linked ? [['current', facts.linked] as [string, string]] : []),
    ...runtime.map((text): [string, string] => ['runs', text.replaceAll('\n', '; ')]),
    ['maintenance', facts.flag === undefined ? 'off' : yellow('on')],
    ['copies', now.copies.join(', ') || 'none of the database by this attempt'],
    ['lock', facts.holder ?? 'free'],
  ];
  const text = [
    bold(
      `${targetName(target)} on ${target.host.name}: ${what} ended during “${left.during}”${left.rebooted ? ', and the server restarted' : ''}`,
    ),
    left.decided ? 'it was decided: what is left goes forward' : 'left to undo, in this order:',
    ...(left.undos.length ? [report.table(left.undos.map(undo))] : left.decided ? [] : ['  nothing']),
    ...(left.failed ? ['it said:', ...left.failed.split('\n').map(one => `  ${one}`)] : []),
    ...(left.rest.length ? [`nothing to undo any more: ${left.rest.join(', ')}`] : []),
    'now:',
    report.table(truth),
    ...(now.release
      ? [
          `try again: ${taskCommand('recover', target)}; or accept it as it is: --accept ${target.app}/${target.environment}`,
        ]
      : []),
  ].join('\n');
  return {
    text,
    json: {
      ...nameOf(target),
      left: { ...left, line: left.line && { ...left.line, keys: undefined } },
      now: {
        release: now.release?.name,
        sha: now.release?.sha,
        because: now.because,
        healthy: now.healthy,
        health: now.health,
        recorded: facts.current,
        linked: facts.linked,
        maintenance: facts.flag !== undefined,
        copies: now.copies,
        holder: facts.holder,
      },
    },
  };
}
