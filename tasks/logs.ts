// Shows an app's log: the last lines, those since a time, of one release, or as they arrive.
import { finished } from 'node:stream/promises';
import { targetName, taskCommand } from '../lib/target/command.ts';
import type { Target } from '../lib/target/target.ts';
import { seconds } from '../lib/duration.ts';
import { Failure } from '../lib/errors.ts';
import { stream } from '../lib/host/stream.ts';
import { servingOrRefuse } from '../lib/release/serving.ts';
import { type Facts } from '../lib/release/facts.ts';
import { askFacts } from '../lib/deploy/ask-facts.ts';
import type { Release } from '../lib/release/release.ts';
import { inert } from '../lib/report/github-actions.ts';
import { lineWriter } from '../lib/report/line-writer.ts';
import { runtimeOf } from '../lib/runtime/runtime-of.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Show what the app wrote to its log',
  examples: [
    'npx tsx tasks/logs.ts --env staging --follow',
    'npx tsx tasks/logs.ts --env production --since 10m --grep error',
    'npx tsx tasks/logs.ts --env production --release 3f2c1ab --lines 50',
  ],
  args: {
    follow: { type: 'boolean', short: 'f', about: 'follow new lines, until Ctrl-C' },
    since: {
      type: 'string',
      value: 'time',
      about: "10m, 2h, 3d, or 2026-11-20T10:00 by this machine's clock (with Z: UTC)",
    },
    grep: { type: 'string', value: 'text', about: 'only lines that contain this text, literally' },
    release: { type: 'string', value: 'name', about: 'of one release: its SHA (7 digits or more) or folder' },
    lines: {
      type: 'string',
      value: 'number',
      about: 'at most this many of the last lines; 200 without --since, --grep, --release',
    },
  },

  async run(context) {
    const { args, signal, output, environment } = context;
    if (args.follow && args.json) throw new Failure(2, '--follow has no end, so it cannot print one JSON object');
    if (args.follow && args.release) throw new Failure(2, '--follow and --release cannot be combined');
    if (args.lines !== undefined && !/^[1-9]\d{0,6}$/.test(args.lines))
      throw new Failure(2, `--lines ${JSON.stringify(args.lines)} is not a number of lines`);
    const since = args.since === undefined ? undefined : timeOf(args.since);
    const narrowed = args.since ?? args.grep ?? args.release;
    const most = args.lines ?? (narrowed === undefined || args.follow ? '200' : undefined);

    const target = await context.target();
    const name = targetName(target);
    if (since && target.runtime.kind === 'process')
      throw new Failure(2, `--since needs times, and the log of ${name} (runtime process) has none`, {
        advice: '--lines or --release instead',
      });
    const host = await context.connect(target.host);
    const facts = await askFacts(host, target);
    const now = servingOrRefuse(target, facts, 1);
    const one = args.release === undefined ? undefined : releaseOf(facts, target, args.release, now);
    const window = one && target.runtime.kind === 'systemd' ? servedWhen(facts, one) : undefined;
    const runtime = runtimeOf(target);
    const command = runtime.logs(
      {
        follow: args.follow,
        since: since?.(facts.now) ?? window?.since,
        until: window?.until,
        lines: most === undefined ? undefined : Number(most),
        grep: args.grep,
      },
      one ?? now,
      one !== undefined,
    );

    const kept: string[] = [];
    const actions = environment['GITHUB_ACTIONS'] === 'true';
    const shown = lineWriter((lines, done) => {
      if (args.json) kept.push(...lines);
      const text = `${lines.join('\n')}\n`;
      if (args.json) done();
      else output.write(actions ? inert(text) : text, () => done());
    });
    const complaints: string[] = [];
    const errors = lineWriter((lines, done) => {
      complaints.splice(0, complaints.length, ...complaints.slice(-15), ...lines);
      done();
    });
    const code = await stream(host, command, { input: undefined, output: shown, errors, signal, appUser: undefined });
    for (const sink of [shown, errors]) await finished(sink.end());
    if (code !== 0)
      throw new Failure(1, `${host.name} could not show the log of ${name}`, {
        detail: complaints.join('\n') || `exited with ${code}`,
        advice: `${taskCommand('doctor', target)} looks for the cause`,
      });
    return {
      text: '',
      json: { app: target.app, environment: target.environment, release: (one ?? now).name, lines: kept },
    };
  },
});

/** The moment that a person means, on the host's clock. @throws Failure 2 */
function timeOf(text: string): (now: Date) => number {
  const days = /^(\d{1,3})d$/.exec(text)?.[1];
  if (days) return now => Math.floor(now.getTime() / 1000) - Number(days) * 86_400;
  if (/^\d+(\.\d+)?(ms|[smh])$/.test(text)) {
    const back = seconds(text);
    return now => Math.floor(now.getTime() / 1000 - back);
  }
  const form = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)?)?$/;
  // A date alone would be read as UTC, and one with a time as local.
  const moment = new Date(/^[\d-]{10}$/.test(text) ? `${text}T00:00` : text).getTime();
  if (!form.test(text) || Number.isNaN(moment))
    throw new Failure(2, `--since ${JSON.stringify(text)} is not a time`, {
      advice: 'write it as 10m, 2h, 3d, 2026-11-20 or 2026-11-20T10:00',
    });
  return () => Math.floor(moment / 1000);
}

function releaseOf(facts: Facts, target: Target, wanted: string, now: Release): Release {
  const isSha = /^[0-9a-f]{7,64}$/.test(wanted);
  const line = facts.log.findLast(
    one => one.release !== undefined && (isSha ? one.sha.startsWith(wanted) : one.release === wanted),
  );
  if (wanted === now.name || (isSha && now.sha.startsWith(wanted))) return now;
  if (!line?.release)
    throw new Failure(2, `the release log has no release ${JSON.stringify(wanted)}`, {
      advice: `${taskCommand('releases', target)} lists them`,
    });
  return { sha: line.sha, name: line.release, folder: `${target.paths.releases}/${line.release}` };
}

/** From the attempt that started it to the end of the one that put another in its place. */
function servedWhen({ log }: Facts, release: Release): { since: number | undefined; until: number | undefined } {
  const first = log.findIndex(line => line.release === release.name);
  const next = log.slice(first + 1).find(line => line.outcome === 'live' && line.release !== release.name);
  const at = (time: string | undefined) => (time === undefined ? undefined : Math.floor(Date.parse(time) / 1000));
  const end = at(next?.time);
  return {
    since: first < 0 ? undefined : at(log[first]?.time),
    until: end === undefined ? undefined : Math.ceil(end + (next?.seconds ?? 0)),
  };
}
