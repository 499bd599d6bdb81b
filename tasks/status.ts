// Shows what is live on every target, since when, whether it is healthy, and what is running.
import { targetName, taskCommand } from '../lib/target/command.ts';
import { proofAsData, proofInWords, proofOf, proofQuestion } from '../lib/backup/drill/last-proven.ts';
import type { Target } from '../lib/target/target.ts';
import { Failure, messageOf } from '../lib/errors.ts';
import { healthNow } from '../lib/deploy/health-now.ts';
import { certificateState, fileQuestion } from '../lib/certificate/inspect.ts';
import { readFlag } from '../lib/maintenance/flag.ts';
import { serving } from '../lib/release/serving.ts';
import { type Facts } from '../lib/release/facts.ts';
import { askFacts } from '../lib/deploy/ask-facts.ts';
import { sha7 } from '../lib/release/release.ts';
import { task } from '../lib/task/task.ts';
import { onceInWords } from '../lib/runtime/once/flavour.ts';
import type { Host } from '../lib/host/host.ts';
import { lines } from '../lib/host/sh.ts';

export default task(import.meta.url, {
  about: 'Show what serves where, since when, and its health',
  examples: ['npx tsx tasks/status.ts', 'npx tsx tasks/status.ts --env production', 'npx tsx tasks/status.ts --json'],
  target: 'optional',

  async run({ args, config, connect, report }) {
    const { targets, find } = await config();
    const asked = args.env
      ? [find(args.app, args.env)]
      : targets.filter(target => args.app === undefined || target.app === args.app);
    if (asked.length === 0) throw new Failure(2, `ops.yml has no app ${JSON.stringify(args.app)}`);

    const states: State[] = [];
    for (const target of asked) {
      try {
        states.push(await look(await connect(target.host), target));
      } catch (error) {
        if (asked.length === 1) throw error;
        // one host that cannot be reached does not hide the others; what was seen belongs to it, such as fingerprints
        const detail = error instanceof Failure && error.detail ? `: ${error.detail.replaceAll('\n', '; ')}` : '';
        states.push({ ...names(target), healthy: false, health: `${messageOf(error)}${detail}`, unreachable: true });
      }
    }
    const { green, red, yellow, bold } = report.paint;
    const text = states
      .map(state => {
        const rows = [
          ['serves', state.sha ? `${sha7(state.sha)} since ${state.since ?? 'an unknown time'}` : 'nothing yet'],
          ['health', state.healthy ? green(state.health) : red(state.health)],
        ];
        if (state.once) rows.push(['once', state.once]);
        if (state.maintenance) rows.push(['maintenance', yellow(state.maintenance)]);
        if (state.certificate && state.certificate.state !== 'good')
          rows.push(['certificate', (state.certificate.state === 'bad' ? red : yellow)(state.certificate.words)]);
        if (state.backup)
          rows.push(['backup', (state.backup.good ? green : state.backup.failed ? red : yellow)(state.backup.words)]);
        if (state.holder) rows.push(['running now', yellow(state.holder)]);
        if (state.leftover)
          rows.push(['interrupted run', red(`stopped during “${state.leftover}”; ${state.recover} cleans up`)]);
        if (state.last) rows.push(['last attempt', state.last]);
        return `${bold(targetName(state))} on ${state.host}\n${report.table(rows.map(row => ['', ...row]))}`;
      })
      .join('\n\n');
    return {
      text,
      json: { targets: states },
      exit: states.some(state => state.unreachable) ? 4 : states.every(state => state.healthy) ? 0 : 1,
    };
  },
});

type Seen = Awaited<ReturnType<typeof look>>;
/** Of a host that cannot be reached only these are known. */
type State = Partial<Seen> & Pick<Seen, keyof ReturnType<typeof names> | 'healthy' | 'health'> & { unreachable?: true };

function names(target: Target) {
  return { app: target.app, environment: target.environment, host: target.host.name };
}

async function look(host: Host, target: Target) {
  // What serves is known only after the facts; its health needs its folder: two questions, one connection.
  const facts = await askFacts(host, target, undefined, lines(fileQuestion(target), proofQuestion(target)));
  const now = serving(target, facts);
  const { healthy, words } = await healthNow(host, target, now);
  const live = facts.log.findLast(line => line.sha === now?.sha && line.outcome === 'live');
  const last = facts.log.at(-1);
  return {
    ...names(target),
    sha: now?.sha,
    release: now?.name,
    previous: facts.previous,
    since: live?.time,
    healthy,
    health: words,
    once: target.runtime.kind === 'once' ? onceInWords(facts) : undefined,
    certificate: certificateState(target, facts),
    backup: backupState(target, facts),
    maintenance: facts.flag === undefined ? undefined : readFlag(facts.flag, facts.now).words,
    holder: facts.holder,
    leftover: facts.holder ? undefined : facts.leftover,
    recover: facts.leftover && !facts.holder ? taskCommand('recover', target) : undefined,
    last:
      last &&
      `${last.action} of ${sha7(last.sha)}: ${last.outcome} at ${last.time}${last.by ? ` by ${last.by}` : ''}${last.reason ? ` (${last.reason})` : ''}`,
  };
}

function backupState(target: Target, facts: Facts) {
  const proof = proofOf(target, facts);
  return proof && { ...proofAsData(proof, target, facts.now), words: proofInWords(proof, facts.now) };
}
