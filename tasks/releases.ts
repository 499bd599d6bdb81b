// Lists the attempts on a target from its release log, and shows one in full.
import { targetName, taskCommand } from '../lib/target/command.ts';
import { Failure } from '../lib/errors.ts';
import { askFacts } from '../lib/deploy/ask-facts.ts';
import { goodReleases, type LogLine } from '../lib/release/log.ts';
import { sha7 } from '../lib/release/release.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'List what was deployed, when, by whom and how it ended',
  examples: [
    'npx tsx tasks/releases.ts --env staging',
    'npx tsx tasks/releases.ts show 20261120-120931 --env staging',
    'npx tsx tasks/releases.ts --env production --json',
  ],
  positionals: [
    { name: 'what', about: 'list, or show with an id or SHA', choices: ['list', 'show'] },
    { name: 'which', about: 'the id or SHA to show; default: the newest' },
  ],
  args: { last: { type: 'string', value: 'number', default: '20', about: 'how many lines to list' } },

  async run({ args, positionals, target: find, connect, report }) {
    const target = await find();
    const facts = await askFacts(await connect(target.host), target);
    const good = goodReleases(facts.log);
    const [what = 'list', which] = positionals;

    if (what === 'show') {
      const line = which ? facts.log.findLast(one => one.id === which || one.sha.startsWith(which)) : facts.log.at(-1);
      if (!line)
        throw new Failure(2, which ? `the log has no attempt ${JSON.stringify(which)}` : 'nothing was attempted yet', {
          advice: `${taskCommand('releases', target)} lists them`,
        });
      const rows = Object.entries({ time: line.time, ...line.keys });
      return { text: report.table(rows), json: { time: line.time, ...line.keys } };
    }

    if (!/^[1-9]\d{0,5}$/.test(args.last)) throw new Failure(2, `--last ${JSON.stringify(args.last)} is not a number`);
    const shown = facts.log.slice(-Number(args.last));
    const mark = (line: LogLine) => {
      if (
        line.sha === facts.current &&
        line === facts.log.findLast(one => one.sha === line.sha && one.outcome === 'live')
      )
        return 'current';
      return good.at(-2)?.line === line ? 'previous' : '';
    };
    const rows = shown.map(line => [
      line.time.replace('T', ' ').replace('Z', ''),
      sha7(line.sha),
      line.action,
      line.outcome,
      mark(line),
      line.seconds === undefined ? '' : `${line.seconds.toFixed(1)} s`,
      line.by ?? '',
      line.reason ?? '',
    ]);
    return {
      text: rows.length
        ? report.table(rows, { head: ['when (UTC)', 'sha', 'action', 'outcome', '', 'took', 'by', 'why'] })
        : `nothing was deployed to ${targetName(target)} yet`,
      json: {
        app: target.app,
        environment: target.environment,
        current: facts.current,
        previous: facts.previous,
        releases: shown.map(line => ({ ...line, keys: undefined, mark: mark(line) || undefined })),
      },
    };
  },
});
