// Restores in place of an environment's data: all is fetched and checked while the app runs, then exchanged while it is stopped.
import { targetName, taskCommand } from '../../target/command.ts';
import type { Check } from '../../finding.ts';
import type { Target } from '../../target/target.ts';
import { Failure } from '../../errors.ts';
import { planSameRelease } from '../../deploy/plan-release.ts';
import { attempt } from '../../deploy/attempt.ts';
import { serving } from '../../release/serving.ts';
import { askFacts } from '../../deploy/ask-facts.ts';
import { pairs } from '../../log-line.ts';
import type { Step } from '../../plan/step.ts';
import { runSteps } from '../../plan/run-steps.ts';
import { bringDump, exchangeDumps } from '../../database/postgres/swap.ts';
import { remoteOf } from '../../runtime/runtime-of.ts';
import { doItem } from '../../report/items.ts';
import type { Result } from '../../report/result.ts';
import type { Identity } from '../encryption.ts';
import { bucketBack } from '../bucket/restore.ts';
import { indexName } from '../bucket/object-list.ts';
import type { CompleteBackup } from '../catalog.ts';
import { copyTools } from '../../database/backup-copy.ts';
import { verifyRoom } from '../verify/parts.ts';
import { run, type Remote } from '../../host/run.ts';
import { stampOf } from '../manifest.ts';
import { openBackup, toolsToOpen } from '../verify/open.ts';
import { packsOf } from '../files/pack-chain.ts';
import {
  asidePlaces,
  bringDatabase,
  bringFiles,
  swapDatabase,
  swapFiles,
  sweepBrought,
  type Replacement,
} from './stage-data.ts';
import { baseOn, openScratch } from '../scratch.ts';
import type { RestoreContext } from './context.ts';
import { restoreOnce } from './once.ts';
import { matcher, type Selection } from './selection.ts';

export async function restoreToTarget(
  around: RestoreContext,
  target: Target,
  held: CompleteBackup,
  all: Selection,
  identity: Identity | undefined,
  /** Gets the checks that were made. */
  checks: Check[] = [],
): Promise<Result> {
  const { report, who, args } = around;
  const { runtime } = target;
  if (runtime.kind === 'once') return restoreOnce(around, target, runtime, held, all, identity, checks);
  const wanted = withoutOwn(all, held, report);
  const database = wanted.parts.some(part => part.name.startsWith('database.')) ? target.database : undefined;
  const sqlite = database?.kind === 'sqlite' ? database : undefined;
  const way = await remoteOf(target, around);
  const { host } = way;
  if (args.plan && wanted.parts.some(part => part.name === indexName))
    report.say(`objects that the bucket ${target.backup?.bucket?.from.name ?? ''} does not have are restored first`);
  if (args.plan) return exchange({ target, stamp: stampOf(new Date()), database: sqlite, paths: wanted.paths });

  const scratch = await openScratch(host, {
    base: baseOn(target),
    alone: { wait: args.wait ?? 1, holder: pairs({ by: who, action: 'restore', backup: held.id }) },
    tools: [...toolsToOpen(held.manifest, identity), ...(database ? copyTools(database) : [])],
  });
  try {
    verifyRoom(held, scratch.free, host.where);
    const back: Replacement = { target, stamp: stampOf(scratch.now), database: sqlite, paths: wanted.paths };
    const found = matcher(wanted);
    // a dump is tried beside the present database itself
    const how = { parts: wanted.parts, identity, unpack: false, finder: found, trial: undefined };
    await openBackup(way, held, scratch.folder, report, checks, how);
    const aside: string[] = [];
    const facts = held.manifest.database;
    await doItem(report, 'Stage the restored data', async () => {
      await run(way, sweepBrought(target), 'cleaning up');
      const from = (name: string) => `${scratch.folder}/${name}`;
      if (sqlite) await run(way, bringDatabase(back, sqlite, from('database.sqlite')), 'bringing the database');
      if (database?.kind === 'postgres' && facts?.kind === 'postgres')
        aside.push(`the database ${await bringDump(way, back, database, from('database.dump'), facts)}`);
      const packs = packsOf(held);
      if (back.paths.length && packs)
        await run(way, bringFiles(back, scratch.folder, packs, found.meant()), 'bringing the files');
    });
    const bucket = await fillBucket(way, scratch.folder, back.stamp);
    const done = await exchange(back);
    aside.push(...asidePlaces(back), ...(bucket?.aside ?? []));
    const left = aside.length
      ? `; what was there before is in ${aside.join(' and ')}: remove it when it is no longer needed`
      : '';
    return {
      text: `${done.text ? `${done.text}\n` : ''}${bucket ? `${bucket.text}\n` : ''}${held.id} is back${left}`,
      json: { id: held.id, store: held.store.name, aside, bucket: bucket?.json ?? null, outcome: done.json },
    };
  } finally {
    const late = { ...way, signal: AbortSignal.timeout(20_000) };
    await run(late, sweepBrought(target), 'cleaning up').catch(() => {});
    await scratch.end();
  }

  /** Before the app stops: an object that is there again disturbs nobody. */
  async function fillBucket(way: Remote, folder: string, stamp: string) {
    const part = wanted.parts.find(one => one.name === indexName);
    const from = target.backup?.bucket;
    if (!part || !from) return undefined;
    const { s3Source } = await import('../../store/s3/app-bucket.ts');
    const source = s3Source(from, around);
    const exact = args['bucket-exact'];
    const title = `Restore what the bucket ${source.name} does not have`;
    const json = await doItem(report, title, say => bucketBack(way, held, { folder, part, source, stamp, exact }, say));
    const text = `${json.put} objects restored into ${source.name}${exact ? `, ${json.removed} later ones taken out` : ''}`;
    return { text, json, aside: json.aside || json.removed ? [source.asideOf(stamp)] : [] };
  }

  async function exchange(back: Replacement): Promise<Result> {
    const steps: Step[] = [];
    if (back.database) steps.push(swapDatabase(back, back.database));
    if (database?.kind === 'postgres') steps.push(exchangeDumps(back, database));
    if (back.paths.length) steps.push(swapFiles(back));
    if (!steps.length) return { text: '', json: null };
    // single files, or a server on which nothing runs yet
    if (wanted.single || !serving(target, await askFacts(host, target))) {
      const shown = await runSteps(around, host, target, { action: 'restore', steps });
      return args.plan ? shown : { ...shown, text: '' };
    }
    return attempt(around, host, target, {
      action: 'restore',
      advice: held.manifest.release
        ? `the backup is of ${held.manifest.release.slice(0, 7)}: a release that knows its database may be needed first`
        : undefined,
      async choose(facts) {
        const now = serving(target, facts);
        if (!now) throw new Failure(1, `${targetName(target)} has stopped serving just now`);
        return now;
      },
      async plan(change) {
        change.notes['backup'] = held.id;
        // what another tool deployed is taken over first, so that an undo can return to it
        return planSameRelease(around, host, target, change, {
          changesData: false,
          fill: { first: steps, last: [], migrates: true },
          why: `by ${who}: restore of ${held.id}`,
        });
      },
    });
  }
}

/** Only the app knows how to take back what it made by itself. @throws Failure 2 when there is nothing else. */
function withoutOwn(all: Selection, held: CompleteBackup, report: RestoreContext['report']): Selection {
  const parts = all.parts.filter(part => !part.name.startsWith('app.'));
  if (parts.length === all.parts.length) return all;
  const way = `${taskCommand(`restore ${held.id}`, held.manifest)} --to ./restored`;
  const why = 'what the app made by itself is restored by its own command';
  if (!parts.length)
    throw new Failure(2, `${why}, and this backup has nothing else`, { advice: `${way} gives it to you` });
  report.warn(`${why}: ${way} gives it to you`);
  return { ...all, parts };
}
