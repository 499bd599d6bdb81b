// Restores the archive of an app of ONCE in place: fetched and proven while the app runs, then exchanged with a way back.
import { attempt } from '../../deploy/attempt.ts';
import { askFacts } from '../../deploy/ask-facts.ts';
import { readyStep } from '../../deploy/readiness.ts';
import { Failure } from '../../errors.ts';
import type { Check } from '../../finding.ts';
import { run } from '../../host/run.ts';
import { lines, sh } from '../../host/sh.ts';
import { pairs } from '../../log-line.ts';
import { runSteps } from '../../plan/run-steps.ts';
import { serving } from '../../release/serving.ts';
import type { Result } from '../../report/result.ts';
import { restoreInPlace, updateToRelease } from '../../runtime/once/archive.ts';
import { verifyCurrentOnce, volumeOf } from '../../runtime/once/flavour.ts';
import { remoteOf } from '../../runtime/runtime-of.ts';
import type { OnceSettings } from '../../target/runtime-settings.ts';
import type { Target } from '../../target/target.ts';
import { targetName } from '../../target/command.ts';
import type { CompleteBackup } from '../catalog.ts';
import type { Identity } from '../encryption.ts';
import { stampOf } from '../manifest.ts';
import { baseOn, openScratch } from '../scratch.ts';
import { openBackup, toolsToOpen } from '../verify/open.ts';
import { verifyRoom } from '../verify/parts.ts';
import { matcher, type Selection } from './selection.ts';
import type { RestoreContext } from './context.ts';

/** @throws Failure 2 or 3 before anything is changed; 1 when what was there before is there again; 6 when it is not */
export async function restoreOnce(
  around: RestoreContext,
  target: Target,
  settings: OnceSettings,
  held: CompleteBackup,
  wanted: Selection,
  identity: Identity | undefined,
  checks: Check[],
): Promise<Result> {
  const { report, who, args } = around;
  const name = targetName(target);
  if (wanted.single)
    throw new Failure(2, `the archive of ${name} is restored as a whole`, { advice: 'leave out --only' });
  if (!wanted.parts.some(part => part.name.startsWith('app.')))
    throw new Failure(2, `${held.id} has no archive of ONCE`, { advice: 'docs/12-once.md says what else can be done' });
  let left = '';
  const way = await remoteOf(target, around);
  const { host } = way;
  verifyCurrentOnce(target, await askFacts(host, target));
  const place = (stamp: string, what: string) => `${target.root}/once-archives/${stamp}-${what}.tar.gz`;
  if (args.plan) return exchange(stampOf(new Date()));

  const scratch = await openScratch(host, {
    base: baseOn(target),
    alone: { wait: args.wait ?? 1, holder: pairs({ by: who, action: 'restore', backup: held.id }) },
    tools: toolsToOpen(held.manifest, identity),
  });
  const stamp = stampOf(scratch.now);
  const archive = place(stamp, 'to-restore');
  try {
    verifyRoom(held, scratch.free, host.where);
    const how = { parts: wanted.parts, identity, unpack: false, finder: matcher(wanted), trial: undefined };
    await openBackup(way, held, scratch.folder, report, checks, how);
    // the scratch folder ends with this program, and the plan may outlive it
    const folder = `${target.root}/once-archives`;
    await run(way, lines(sh`umask 077; mkdir -p ${folder}; chmod 700 ${folder}`, sh`mv ${`${scratch.folder}/app`} ${archive}`), 'staging it'); // prettier-ignore
    const done = await exchange(stamp);
    return {
      text: `${done.text ? `${done.text}\n` : ''}${held.id} is back; what was there before is in ${place(stamp, 'before')}, with its secrets, and in Docker's volume ${left}: remove both when they are no longer needed`,
      json: { id: held.id, store: held.store.name, aside: [place(stamp, 'before')], volume: left, outcome: done.json },
    };
  } finally {
    await run({ ...way, signal: AbortSignal.timeout(20_000) }, sh`rm -f ${archive}`, 'cleaning up').catch(() => {});
    await scratch.end();
  }

  async function exchange(at: string): Promise<Result> {
    const steps = restoreInPlace(settings, { archive: place(at, 'to-restore'), safety: place(at, 'before') });
    const facts = await askFacts(host, target);
    left = volumeOf(facts);
    if (!serving(target, facts)) {
      const shown = await runSteps(around, host, target, { action: 'restore', steps });
      return args.plan ? shown : { ...shown, text: '' };
    }
    return attempt(around, host, target, {
      action: 'restore',
      async choose(facts) {
        verifyCurrentOnce(target, facts);
        const now = serving(target, facts);
        if (!now) throw new Failure(1, `${name} has stopped serving just now`);
        return now;
      },
      async plan(change) {
        change.notes['backup'] = held.id;
        const { facts, next } = change;
        left = volumeOf(facts);
        return {
          steps: [
            ...steps,
            updateToRelease(settings, next.folder),
            readyStep(target, facts, next, 'Wait until it is ready'),
          ],
          finish: [],
        };
      },
    });
  }
}
