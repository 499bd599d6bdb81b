// The backups of an environment: what there is and when it was last proven, whether it is undamaged, and which may go.
import { targetName, taskCommand } from '../lib/target/command.ts';
import type { Check } from '../lib/finding.ts';
import { resolve } from 'node:path';
import {
  beforeDeployQuestion,
  dataOf,
  isAttempt,
  readBeforeDeploy,
  rowOf,
  shownSnapshot,
  type BeforeDeploy,
} from '../lib/backup/before-deploy.ts';
import { choose, type StoredBackup, type CompleteBackup } from '../lib/backup/catalog.ts';
import { reread } from '../lib/backup/verify/parts.ts';
import { run, remoteOn } from '../lib/host/run.ts';
import { imported } from '../lib/backup/import/import.ts';
import { manifestName } from '../lib/backup/manifest.ts';
import { noteDamage } from '../lib/backup/verify/record-damage.ts';
import { probed } from '../lib/backup/monitor/check-stores.ts';
import { pruned } from '../lib/backup/prune.ts';
import { backupsOf, openStores } from '../lib/backup/settings.ts';
import { size } from '../lib/size.ts';
import { afterwards, watched } from '../lib/backup/monitor/watch.ts';
import { Failure, messageOf } from '../lib/errors.ts';
import type { Target } from '../lib/target/target.ts';
import { span } from '../lib/duration.ts';
import type { Report } from '../lib/report/report.ts';
import { task } from '../lib/task/task.ts';
import { type Context } from '../lib/task/context.ts';
import { type Result } from '../lib/report/result.ts';

type Asking = Pick<Context, 'connect' | 'report' | 'signal'> & { args: { store: string | undefined } };

export default task(import.meta.url, {
  about: 'List the backups of an environment, look at one, check them, remove those that are not needed',
  examples: [
    'npx tsx tasks/backups.ts --env production',
    'npx tsx tasks/backups.ts show 20261121T030000Z --env production',
    'npx tsx tasks/backups.ts verify --env production',
    'npx tsx tasks/backups.ts prune --env production --plan',
    'npx tsx tasks/backups.ts watch --env production',
    'npx tsx tasks/backups.ts probe --env production',
  ],
  positionals: [
    {
      name: 'what',
      about:
        'list · show: what is in one · verify: read every byte again · prune: keep as many as ops.yml says · watch: look whether all is well, and tell · probe: try out the stores · import: take in a folder that other scripts made',
      choices: ['list', 'show', 'verify', 'prune', 'watch', 'probe', 'import'],
    },
    {
      name: 'which',
      about: 'show and verify: an id or its beginning; default: the newest for show, all for verify · import: a folder',
    },
  ],
  changes: true,
  args: { store: { type: 'string', value: 'name', about: 'only what is in this store' } },

  async ended(context, end) {
    const [what] = context.positionals;
    if ((what === 'prune' || what === 'verify') && !context.args.plan) await afterwards(context, what, end);
  },

  async run(context) {
    const { args, positionals, report } = context;
    const [what = 'list', which] = positionals;
    if (which !== undefined && ['list', 'prune', 'watch', 'probe'].includes(what))
      throw new Failure(2, `${what} takes no id`);
    const target = await context.target();
    const { app, environment } = target;
    const name = targetName(target);
    if (what === 'watch') return watched(context, target, args.plan);
    const stores = await openStores(target, context, args.store);
    if (what === 'prune') return pruned(context, target, stores);
    if (what === 'probe') {
      if (args.plan) throw new Failure(2, 'probe changes nothing but objects of its own, so there is no --plan for it');
      return probed(context, target, stores);
    }
    if (what === 'import') {
      if (which === undefined)
        throw new Failure(2, 'import which folder?', { advice: 'such as backups/2026-11-20_020000' });
      if (args.plan) throw new Failure(2, 'import only adds a backup, so there is no --plan for it');
      return imported(context, target, stores, resolve(context.folder, which));
    }
    const held = await backupsOf(stores, target);
    if (what === 'show' && which !== undefined && isAttempt(which)) {
      const meant = (await snapshots(context, target)).filter(one => one.id.startsWith(which));
      const [one] = meant;
      if (one && meant.length === 1) return shownSnapshot(one, target, report);
      throw new Failure(
        2,
        one ? `${which} could be ${meant.map(({ id }) => id).join(' or ')}` : `${name} has no snapshot ${which}`,
      );
    }
    if (what === 'show') return shown(choose(held, { id: which, at: undefined }, target), report);
    // what was never finished is no backup, and the next one removes it
    const finished = held.filter(one => one.keys.some(({ key }) => key.endsWith(`/${manifestName}`)));
    if (what === 'list') {
      return listed(finished, await snapshots(context, target), target, report);
    }

    const meant = finished.filter(one => which === undefined || one.id.startsWith(which));
    if (!meant.length) throw new Failure(2, `${name} has no backup ${which ?? ''}`.trimEnd());
    const found: { id: string; store: string; good: boolean; checks: Check[] }[] = [];
    // a full pack is read once, however many build on it
    const full = new Map<string, Promise<Check>>();
    for (const one of meant)
      await report
        .show([
          {
            title: `Read ${one.id} from ${one.store.name}`,
            run: async say => {
              const checks = await reread(one, full, context.signal, say);
              found.push({ id: one.id, store: one.store.name, good: checks.every(check => check.good), checks });
              const bad = checks.find(check => !check.good);
              if (bad) throw new Failure(7, `${bad.name}: ${bad.found}`);
            },
          },
        ])
        .catch((error: unknown) => {
          if (!(error instanceof Failure) || error.exit !== 7) throw error;
        });
    const bad = found.filter(one => !one.good);
    const onHost = () => remoteOn(target.host, context);
    for (const [index, { good, checks }] of found.entries()) {
      const held = meant[index];
      const met = { checks, says: '', by: context.who, where: 'another machine', found: 'verify' } as const;
      if (held && !good) await noteDamage(target, { held, ...met }, onHost, report);
    }
    if (bad.length)
      throw new Failure(7, `${bad.length} of ${found.length} backups of ${name} are damaged`, {
        detail: bad
          .map(({ id, store, checks }) => {
            const reasons = checks.filter(check => !check.good).map(check => `${check.name}: ${check.found}`);
            return `${id} in ${store}: ${reasons.join('; ')}`;
          })
          .join('\n'),
        advice: `take another one now: ${taskCommand('backup', target)}`,
      });
    const bytes = meant.reduce((sum, one) => sum + one.bytes, 0);
    const objects = meant.some(one => one.manifest?.bucket) ? '; objects of a bucket are read by drill --all' : '';
    return {
      text: `${found.length} backups of ${name} are as they were written, ${size(bytes)}${objects}`,
      json: { app, environment, backups: found },
    };
  },
});

const columns = ['backup', 'age', 'store', 'size', 'files', 'release', 'state'];

/** What deploys have left on the host. A server that is gone does not hide what is in the stores. */
async function snapshots({ args, connect, report, signal }: Asking, target: Target): Promise<BeforeDeploy[]> {
  const { database } = target;
  if (database?.kind !== 'sqlite' || args.store !== undefined) return [];
  try {
    const way = await remoteOn(target.host, { connect, signal });
    return readBeforeDeploy(await run(way, beforeDeployQuestion(target, database), 'looking for them'));
  } catch (error) {
    report.warn(`snapshots from before deploys are not listed: ${messageOf(error)}`);
    return [];
  }
}

function ago(time: Date): string {
  return span((Date.now() - time.getTime()) / 1000);
}

function listed(
  held: readonly StoredBackup[],
  before: readonly BeforeDeploy[],
  target: Target,
  report: Report,
): Result {
  const { app, environment, host } = target;
  const proven = held.find(one => one.verdict?.good);
  const rows = held.map(one => [
    one.id,
    ago(one.time),
    one.store.name,
    size(one.bytes),
    kindOf(one),
    one.manifest?.release?.slice(0, 7) ?? '',
    one.fault ?? one.manifest?.shrunk[0] ?? proof(one),
  ]);
  for (const one of before) rows.push(rowOf(one, new Date(), host.name));
  const headline = !held.length
    ? `${targetName(target)} has no backups`
    : proven?.verdict
      ? `last proven restorable: ${proven.id}, ${ago(new Date(proven.verdict.time))} ago, restored in ${proven.verdict.restoreSeconds} s`
      : `none was ever proven restorable: ${taskCommand('drill', target)} does it`;
  return {
    text: rows.length ? `${report.table(rows, { head: columns })}\n${headline}` : headline,
    json: {
      app,
      environment,
      beforeDeploy: before.map(dataOf),
      proven: proven?.verdict && {
        id: proven.id,
        time: proven.verdict.time,
        restoreSeconds: proven.verdict.restoreSeconds,
      },
      backups: held.map(({ id, time, store, bytes, manifest, fault, verdict }) => ({
        id,
        time: time.toISOString(),
        store: store.name,
        bytes,
        base: manifest?.base?.id ?? null,
        release: manifest?.release ?? null,
        fault: fault ?? null,
        shrunk: manifest?.shrunk ?? [],
        verdict: verdict ?? null,
      })),
    },
  };
}

/** `full`, or since when it has the changes. */
function kindOf({ manifest }: StoredBackup): string {
  if (manifest?.base) return `since ${manifest.base.id.slice(0, 16)}`;
  return manifest?.files ? 'full' : '';
}

function proof({ verdict }: StoredBackup): string {
  if (!verdict) return 'not proven';
  const when = `${verdict.time.slice(0, 16).replace('T', ' ')} on ${verdict.where}`;
  return verdict.good ? `proven ${when}` : `found damaged ${when}`;
}

function shown({ id, store, manifest, verdict }: CompleteBackup, report: Report): Result {
  const rows = [
    ['backup', id],
    ['store', store.name],
    ['time', manifest.time],
    ['by', manifest.by],
    ['release', manifest.release ?? 'none'],
    ...(manifest.base ? [['changes since', `${manifest.base.id}, whose files.tar.zst it needs`]] : []),
    ...(manifest.recipients ?? []).map(one => ['encrypted for', one]),
    ...manifest.parts.map(part => [part.name, `${size(part.bytes)}, ${size(part.rawBytes)} unpacked`]),
    ...Object.entries(manifest.database?.tables ?? {}).map(([table, count]) => [`table ${table}`, `${count} rows`]),
    ...(manifest.files ? [['files', `${manifest.files.count} of ${manifest.files.include.join(', ')}`]] : []),
    ...(manifest.own ? [['own', `${manifest.own.command} → ${manifest.own.gives}`]] : []),
    ...(manifest.bucket
      ? [['bucket', `${manifest.bucket.objects} objects of ${manifest.bucket.from}, ${size(manifest.bucket.bytes)}`]]
      : []),
    ...[manifest.files, manifest.own, manifest.bucket].flatMap(one => (one?.noted ?? []).map(note => ['noted', note])),
    ...manifest.shrunk.map(what => ['shrunk', what]),
    ...(verdict?.checks ?? []).map(check => [check.good ? 'proven' : 'NOT GOOD', `${check.name}: ${check.found}`]),
    ['restore', manifest.restore],
  ];
  return { text: report.table(rows), json: { store: store.name, manifest, verdict: verdict ?? null } };
}
