// Checks for what would make a deploy fail: connection, tools, permissions, space, files; each finding with its fix.
import { nameOf, targetName } from '../lib/target/command.ts';
import type { Config } from '../lib/config/config.ts';
import { composeFindings } from '../lib/doctor/compose-findings.ts';
import { failure, good, type Finding } from '../lib/finding.ts';
import { findingsOf } from '../lib/doctor/findings.ts';
import { doctorQuestion } from '../lib/doctor/question.ts';
import type { Target } from '../lib/target/target.ts';
import { Failure } from '../lib/errors.ts';
import type { Host } from '../lib/host/host.ts';
import { sh } from '../lib/host/sh.ts';
import { resolveCommit } from '../lib/git/clone.ts';
import { findingsTable } from '../lib/report/findings.ts';
import { askFacts } from '../lib/deploy/ask-facts.ts';
import { sha7 } from '../lib/release/release.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Check for what would make a deploy fail, and say how to fix it',
  examples: ['npx tsx tasks/doctor.ts --env staging', 'npx tsx tasks/doctor.ts --env production --json'],

  async run(context) {
    const { report } = context;
    const { file } = await context.config();
    const target = await context.target();
    const findings = [good('config', file), ...(await repository(target, context.environment))];
    try {
      findings.push(...(await examine(await context.connect(target.host), target, context)));
    } catch (error) {
      if (!(error instanceof Failure) || error.exit >= 130) throw error;
      findings.push(
        failure('connection', [error.message, error.detail].filter(Boolean).join('\n'), error.advice ?? 'see above'),
      );
    }

    const { green, yellow, red, bold } = report.paint;
    const bad = findings.filter(one => one.state === 'failure').length;
    const doubtful = findings.filter(one => one.state === 'warning').length;
    const verdict =
      bad || doubtful
        ? [bad && red(count(bad, 'failure')), doubtful && yellow(count(doubtful, 'warning'))].filter(Boolean).join(', ')
        : green('no problems found');
    return {
      text: `${bold(targetName(target))} on ${target.host.name}\n${findingsTable(report, findings)}\n${verdict}`,
      json: { ...nameOf(target), host: target.host.name, failures: bad, warnings: doubtful, findings },
      exit: bad ? 1 : 0,
    };
  },
});

type Around = { config: () => Promise<Config>; environment: NodeJS.ProcessEnv };

/** Two round trips, three with Compose: one for every answer, and a tiny one that shows how long a round trip takes and what the clock says. */
async function examine(host: Host, target: Target, around: Around): Promise<Finding[]> {
  const began = performance.now();
  const facts = await askFacts(host, target, undefined, doctorQuestion(target));
  const first = performance.now() - began;
  const from = performance.now();
  const before = Date.now();
  const { stdout } = await host.ask(sh`date +%s.%N`);
  const trip = performance.now() - from;
  const off = Number(stdout) - (before + trip / 2) / 1000;
  const trust =
    target.host.kind === 'local'
      ? ''
      : `, host key ${target.host.hostKeys.length ? 'as pinned in ops.yml' : 'as in known_hosts'}`;
  return [
    good(
      'connection',
      `${facts.user} on ${host.where}${trust}; a round trip takes ${trip.toFixed(0)} ms, the first took ${first.toFixed(0)}`,
    ),
    ...findingsOf(target, facts, off),
    ...(await composeFindings(around, host, target, facts)),
  ];
}

/** The clone on this machine that deploys are taken from. */
async function repository({ repo, tracks }: Target, environment: NodeJS.ProcessEnv): Promise<Finding[]> {
  if (!repo) return [];
  try {
    const sha = await resolveCommit(repo, tracks, environment);
    return [good('repo', `${repo}, ${tracks} is ${sha7(sha)}`)];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [failure('repo', error.message, error.advice ?? 'see repo: in ops.yml')];
  }
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
