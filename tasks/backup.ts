// Backs up an environment: the database as it is at one moment, then the files, into each of its stores.
import { targetName } from '../lib/target/command.ts';
import { recipientsOf, type BackupFiles } from '../lib/target/backup-settings.ts';
import type { Snapshot } from '../lib/database/copy-between-deploys.ts';
import { copyForBackup, copyTools, nameOfDatabase, takeCopyAway } from '../lib/database/backup-copy.ts';
import { lookAhead } from '../lib/backup/files/included-folders.ts';
import type { Survey } from '../lib/backup/files/survey.ts';
import { run, type Remote } from '../lib/host/run.ts';
import { leaveGuide } from '../lib/backup/restore-guide.ts';
import { backupId, type Manifest } from '../lib/backup/manifest.ts';
import { makeOwn, type OwnMade } from '../lib/backup/create/app-command.ts';
import { surveyFiles } from '../lib/backup/files/pack.ts';
import { rememberStore, verifyNotLost } from '../lib/backup/create/known-stores.ts';
import { baseOn, openScratch } from '../lib/backup/scratch.ts';
import { backupOf, openStores } from '../lib/backup/settings.ts';
import { size } from '../lib/size.ts';
import { writeBackup, removeUnfinished, type Material } from '../lib/backup/create/write.ts';
import { afterwards } from '../lib/backup/monitor/watch.ts';
import type { Target } from '../lib/target/target.ts';
import type { Database } from '../lib/target/database-settings.ts';
import { Failure, messageOf } from '../lib/errors.ts';
import { sh } from '../lib/host/sh.ts';
import { pairs } from '../lib/log-line.ts';
import { runtimeOf } from '../lib/runtime/runtime-of.ts';
import type { Store } from '../lib/store/store.ts';
import { task } from '../lib/task/task.ts';
import { type Context } from '../lib/task/context.ts';

/** How long a deploy is waited for when nobody says. */
const patience = 600;

export default task(import.meta.url, {
  about: 'Back up the database and the files of an environment',
  examples: [
    'npx tsx tasks/backup.ts --env production',
    'npx tsx tasks/backup.ts --env production --store disk',
    '0 3 * * * cd /opt/ops && npx tsx tasks/backup.ts --env production && npx tsx tasks/drill.ts --env production',
  ],
  changes: true,
  args: {
    store: { type: 'string', value: 'name', about: 'only into this store; otherwise into all of the environment' },
  },

  async ended(context, end) {
    if (!context.args.plan) await afterwards(context, 'backup', end);
  },

  async run(context) {
    const { args, who, report, signal } = context;
    const target = await context.target();
    const { files, command: own, bucket } = backupOf(target);
    const { database } = target;
    const recipients = recipientsOf(target);
    const stores = await openStores(target, context, args.store);
    const name = targetName(target);
    if (args.plan) {
      const parts = [
        ...(database ? [`the database ${nameOfDatabase(database)}, as it is at one moment`] : []),
        ...(files ? files.include.map(path => `${target.root}/${path}`) : []),
        ...(own ? [`what the app makes by itself: ${own.words.join(' ')}`] : []),
        ...(bucket ? [`the bucket ${bucket.from.name}${bucket.prefix && `, what is below ${bucket.prefix}`}`] : []),
      ];
      if (recipients.length) parts.push(`encrypted for ${recipients.join(', ')}`);
      if (files) parts.push(...(await ahead(context, target, files)));
      const names = stores.map(store => store.name);
      return {
        text: `${name} into ${names.join(', ')}:\n${parts.map(part => `  ${part}`).join('\n')}`,
        json: { app: target.app, environment: target.environment, stores: names, parts },
      };
    }

    const began = performance.now();
    const host = await context.connect(target.host);
    const way: Remote = { host, signal, appUser: runtimeOf(target).appUser };
    const scratch = await openScratch(host, {
      base: baseOn(target),
      alone: { wait: args.wait ?? 1, holder: pairs({ by: who, action: 'backup' }) },
      tools: [
        'zstd',
        ...(database ? copyTools(database) : []),
        ...(files || own ? ['tar'] : []),
        ...(recipients.length ? ['age'] : []),
      ],
    });
    const done: { store: string; manifest: Manifest }[] = [];
    const failures: { store: Store; error: unknown }[] = [];
    // what the first one has is listed while the database is copied; why it cannot be is told when its turn comes
    const [firstStore] = stores;
    const listing = firstStore && removeUnfinished(firstStore, target);
    listing?.catch(() => {});
    try {
      const id = backupId(scratch.now);
      let snapshot: Snapshot | undefined;
      let survey: Survey | undefined;
      let made: OwnMade | undefined;
      const source = bucket && (await import('../lib/store/s3/app-bucket.ts')).s3Source(bucket, context);
      await report.show([
        ...(database
          ? [
              {
                title: 'Copy the database as it is now',
                run: async () => {
                  const { folder } = scratch;
                  const seconds = args.wait ?? patience;
                  snapshot = await copyForBackup(way, { target, database, id, folder, seconds });
                },
              },
            ]
          : []),
        ...(files
          ? [
              {
                title: `Look through ${files.include.join(', ')}`,
                run: async (say: (line: string) => void) => {
                  const place = { id, scratch: scratch.folder };
                  survey = await surveyFiles(way, target, files, place);
                  for (const { pattern, count } of survey.excluded) say(`exclude ${pattern}: ${count} left out`);
                },
              },
            ]
          : []),
        ...(own
          ? [
              {
                title: `Let the app make its own: ${own.words.join(' ')}`,
                run: async () => void (made = await makeOwn(way, target, own, scratch.folder)),
              },
            ]
          : []),
      ]);
      if (!snapshot && !survey && !made && !source)
        throw new Failure(7, `${name} has nothing to back up: there is ${nothing(database)} yet`);
      if (database && !snapshot) report.warn(`there is ${nothing(database)} yet: only the files are backed up`);
      const release = (
        await run(way, sh`cat ${`${target.paths.releases}/current_release`} 2>/dev/null || true`, 'asking')
      ).trim();
      const material: Material = {
        target,
        id,
        now: scratch.now,
        by: who,
        release: release || undefined,
        snapshot,
        survey,
        own: made,
        source,
        scratch: scratch.folder,
      };

      for (const store of stores)
        try {
          await report.show([
            {
              title: `Send it to ${store.name}`,
              run: async say => {
                const before = await ((store === firstStore && listing) || removeUnfinished(store, target));
                await verifyNotLost(way, target, store, before);
                const holds = () => {
                  if (!scratch.held()) throw new Failure(4, `${host.where} was lost, and with it the lock`);
                };
                done.push({ store: store.name, manifest: await writeBackup(way, store, material, before, holds, say) });
                await rememberStore(way, target, store);
                const trouble = await leaveGuide(store);
                if (trouble) report.warn(`${store.name}: RESTORE.md could not be written: ${trouble}`);
              },
            },
          ]);
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          failures.push({ store, error });
        }
    } finally {
      // what is left all the same goes with the next backup
      await listing?.catch(() => {});
      const late = { ...way, signal: AbortSignal.timeout(20_000) };
      if (database) await takeCopyAway(late, target, database).catch(() => {});
      await scratch.end();
    }

    const seconds = Math.round((performance.now() - began) / 10) / 100;
    for (const { store, error } of failures.slice(1)) report.warn(`${store.name}: ${messageOf(error)}`);
    const [failure] = failures;
    if (failure) {
      const into = done.map(one => one.store).join(', ');
      if (into) report.warn(`it is whole in ${into}, and in no other store`);
      throw failure.error;
    }
    const [first] = done;
    if (!first) throw new TypeError('a backup without a store: a bug in tasks/backup.ts');
    const { files: noted, own: ofOwn, bucket: ofBucket } = first.manifest;
    for (const note of [noted, ofOwn, ofBucket].flatMap(one => one?.noted.slice(0, 40) ?? [])) report.warn(note);
    const shrunk = first.manifest.shrunk;
    if (shrunk.length)
      throw new Failure(
        7,
        `${name} is backed up as ${first.manifest.id}, and much is gone since the one before: ${shrunk[0] ?? ''}`,
        {
          detail: shrunk.join('\n'),
          advice: 'look at the app; nothing is pruned while this is the newest backup',
        },
      );
    return {
      text: `${name} is backed up as ${first.manifest.id}: ${told(first.manifest)} → ${done.map(one => one.store).join(', ')}, in ${seconds} s`,
      json: {
        app: target.app,
        environment: target.environment,
        id: first.manifest.id,
        seconds,
        stores: done.map(({ store, manifest }) => ({ store, bytes: bytesOf(manifest) })),
        manifest: first.manifest,
      },
    };
  },
});

/** What --plan says of the patterns, and what is wrong with the folders. A host that cannot be reached keeps no plan from being shown. */
async function ahead(
  { connect, report, signal }: Pick<Context, 'connect' | 'report' | 'signal'>,
  target: Target,
  files: BackupFiles,
): Promise<string[]> {
  try {
    const way: Remote = { host: await connect(target.host), signal, appUser: runtimeOf(target).appUser };
    const excluded = await lookAhead(way, target, files);
    return excluded.map(({ pattern, count }) => `without what ${pattern} matches: ${count || 'nothing there'}`);
  } catch (error) {
    if (!(error instanceof Failure) || error.exit !== 4) throw error;
    report.warn(`nobody looked at the folders: ${error.message}`);
    return [];
  }
}

function nothing(database: Database | undefined): string {
  if (!database) return 'no database';
  return database.kind === 'sqlite' ? `no ${database.file}` : `no table in ${nameOfDatabase(database)}`;
}

function told(manifest: Manifest): string {
  const { database, files, own, bucket } = manifest;
  const rows = Object.values(database?.tables ?? {}).reduce((sum, one) => sum + one, 0);
  const parts = [
    database && `${rows} rows in ${Object.keys(database.tables).length} tables`,
    files && `${files.count} files and folders`,
    own && `what the app made itself`,
    bucket && `${bucket.objects} objects of a bucket (${bucket.copied} of them new)`,
    `${size(bytesOf(manifest))} stored${manifest.base ? `, what changed since ${manifest.base.id}` : ''}`,
  ];
  return parts.filter(Boolean).join(', ');
}

function bytesOf({ parts }: Manifest): number {
  return parts.reduce((sum, part) => sum + part.bytes, 0);
}
