// Proves a backup: restores it into scratch space, opens it, counts it, and writes down with its date whether it was good.
import { targetName, taskCommand } from '../lib/target/command.ts';
import type { Check } from '../lib/finding.ts';
import { Readable } from 'node:stream';
import { identityFor } from '../lib/backup/encryption.ts';
import { fewObjects } from '../lib/backup/bucket/verify.ts';
import { choose, keyOf } from '../lib/backup/catalog.ts';
import { verifyRoom } from '../lib/backup/verify/parts.ts';
import { run, remoteOn } from '../lib/host/run.ts';
import { notingDamage, withBad } from '../lib/backup/verify/record-damage.ts';
import { openBackup, toolsToOpen } from '../lib/backup/verify/open.ts';
import { appChecks } from '../lib/backup/drill/app-checks.ts';
import { baseAnywhere, baseOn, openScratch } from '../lib/backup/scratch.ts';
import { backupsOf, openStores, readAt } from '../lib/backup/settings.ts';
import { matcher } from '../lib/backup/restore/selection.ts';
import { logVerdict, renderVerdict, verdictName, type Verdict } from '../lib/backup/drill/verdict.ts';
import { afterwards } from '../lib/backup/monitor/watch.ts';
import type { HostSettings } from '../lib/target/host-settings.ts';
import { Failure, messageOf } from '../lib/errors.ts';
import { trialOf } from '../lib/database/postgres/restore-test.ts';
import { runtimeOf } from '../lib/runtime/runtime-of.ts';
import { task } from '../lib/task/task.ts';

const here: HostSettings = { name: 'this machine', kind: 'local' };

export default task(import.meta.url, {
  about: 'Prove that a backup can be restored: unpack it, open it, check and count it, and write the verdict down',
  examples: [
    'npx tsx tasks/drill.ts --env production',
    'npx tsx tasks/drill.ts 20261121T030000Z --env production --store s3 --here',
  ],
  positionals: [{ name: 'which', about: 'an id or its beginning; default: the newest' }],
  args: {
    at: { type: 'string', value: 'time', about: 'the newest of that day or moment (UTC) instead' },
    store: { type: 'string', value: 'name', about: 'from this store' },
    here: { type: 'boolean', about: 'on this machine and not on the server' },
    all: { type: 'boolean', about: 'read every object of a bucket again, and not only some' },
  },

  ended: (context, end) => afterwards(context, 'drill', end),

  async run(context) {
    const { args, positionals, report, signal, who } = context;
    const [which] = positionals;
    const target = await context.target();
    const { app, environment } = target;
    const at = args.at === undefined ? undefined : readAt(args.at);
    const stores = await openStores(target, context, args.store);
    const all = await backupsOf(stores, target);
    const met = { by: who, where: 'another machine', found: 'drill' } as const;
    const onHost = () => remoteOn(target.host, context);
    const choosing = () => choose(all, { id: which, at }, target);
    const held = await notingDamage(target, met, choosing, onHost, report);
    const identity = await identityFor(target, held, context.environment);
    const way = await remoteOn(args.here ? here : target.host, context);
    const { host } = way;
    const scratch = await openScratch(host, {
      base: args.here ? baseAnywhere : baseOn(target),
      tools: toolsToOpen(held.manifest, identity),
    });
    const checks: Check[] = [];
    const began = performance.now();
    let bad: Failure | undefined;
    let restored: number | undefined;
    try {
      verifyRoom(held, scratch.free, host.where, { packAtOnce: true });
      const { parts, files } = held.manifest;
      await openBackup(way, held, scratch.folder, report, checks, {
        parts,
        identity,
        unpack: true,
        sample: args.all ? Infinity : fewObjects,
        finder: matcher({ paths: files?.include ?? [], single: false }),
        trial: trialOf(target, args.here),
      });
      restored = performance.now();
      const { folder } = scratch;
      await appChecks(way, { target, held, folder, atHome: !args.here }, report, checks);
    } catch (error) {
      if (!(error instanceof Failure) || error.exit !== 7) throw error;
      bad = error;
    } finally {
      await scratch.end();
    }
    const seconds = Math.round(((restored ?? performance.now()) - began) / 10) / 100;
    const verdict: Verdict = {
      version: 1,
      backup: held.id,
      store: held.store.name,
      time: new Date(scratch.now.getTime() + performance.now() - began).toISOString(),
      where: args.here ? 'another machine' : target.host.name,
      by: who,
      good: !bad,
      restoreSeconds: seconds,
      checks: bad ? withBad(checks, bad.message) : checks,
    };
    const body = Readable.from([Buffer.from(renderVerdict(verdict))]);
    await held.store.put(keyOf(target, held.id, verdictName(verdict)), body);
    try {
      const there = args.here ? await context.connect(target.host) : host;
      const { appUser } = runtimeOf(target);
      await run({ host: there, signal, appUser }, logVerdict(target, verdict), 'writing drills.log');
    } catch (error) {
      // a drill elsewhere is for the day on which the server is gone
      if (!args.here) throw error;
      report.warn(`the verdict is not in drills.log: ${messageOf(error)}`);
    }
    if (bad)
      throw new Failure(7, `${targetName(target)} has a backup that cannot be relied on: ${bad.message}`, {
        ...(bad.detail ? { detail: bad.detail } : {}),
        advice: bad.advice ?? `take another one now: ${taskCommand('backup', target)}`,
      });
    const found = checks.map(check => [`  ${check.name}`, check.found]);
    return {
      text: `${held.id} of ${targetName(target)} is proven: restored from ${held.store.name} in ${seconds} s\n${report.table(found)}`,
      json: { app, environment, verdict },
    };
  },
});
