// Verifies that backups are still as they were written: every byte in the stores is read again, and damage is recorded.
import type { Check } from '../../finding.ts';
import type { Target } from '../../target/target.ts';
import { nameOf, targetName, taskCommand } from '../../target/command.ts';
import { Failure } from '../../errors.ts';
import { readThrough, remoteOn } from '../../host/run.ts';
import type { Result } from '../../report/result.ts';
import { getText, type Store } from '../../store/store.ts';
import { size } from '../../size.ts';
import type { Context } from '../../task/context.ts';
import { isFinished, type CompleteBackup, keyOf, type StoredBackup, isComplete } from '../catalog.ts';
import { backupsOf } from '../settings.ts';
import { otherSum, telling } from './parts.ts';
import { noteDamage } from './record-damage.ts';
import { doItem, type Say } from '../../report/items.ts';
import type { Part } from '../manifest.ts';
import { isVerdictName, readVerdict } from '../drill/verdict.ts';
import { neededFor } from '../files/pack-chain.ts';

/**
 * @param which an id or its beginning; undefined: all of them
 * @throws Failure 2 when there is none of that name, 7 when one is damaged
 */
export async function verifyBackups(
  context: Pick<Context, 'connect' | 'report' | 'signal' | 'who'>,
  target: Target,
  stores: readonly Store[],
  which: string | undefined,
): Promise<Result> {
  const { report } = context;
  const finished = (await backupsOf(stores, target)).filter(isFinished);
  const meant = finished.filter(one => which === undefined || one.id.startsWith(which));
  if (!meant.length) throw new Failure(2, `${targetName(target)} has no backup ${which ?? ''}`.trimEnd());
  const found: { id: string; store: string; good: boolean; checks: Check[] }[] = [];
  // a full pack is read once, however many build on it
  const full = new Map<string, Promise<Check>>();
  for (const one of meant)
    await doItem(report, `Read ${one.id} from ${one.store.name}`, async say => {
      const checks = await reread(one, full, context.signal, say);
      found.push({ id: one.id, store: one.store.name, good: checks.every(check => check.good), checks });
      const bad = checks.find(check => !check.good);
      if (bad) throw new Failure(7, `${bad.name}: ${bad.found}`);
    }).catch((error: unknown) => {
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
    throw new Failure(7, `${bad.length} of ${found.length} backups of ${targetName(target)} are damaged`, {
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
    text: `${found.length} backups of ${targetName(target)} are as they were written, ${size(bytes)}${objects}`,
    json: { ...nameOf(target), backups: found },
  };
}

/** Reads one part and forgets it. */
async function readPart(held: CompleteBackup, part: Part, signal: AbortSignal, say: Say): Promise<Check> {
  const body = await held.store.get(keyOf(held.manifest, held.id, part.name));
  const { bytes, sha256 } = await readThrough(body, signal, telling(part, say));
  const good = bytes === part.bytes && sha256 === part.sha256;
  return { name: part.name, good, found: good ? `${part.bytes} bytes` : otherSum };
}

/** What was read of a part already, by store, backup and name: a full pack belongs to many backups. */
type ReadParts = Map<string, Promise<Check>>;

/** Reads all parts of one backup again, and its verdicts, without unpacking anything. */
export async function reread(one: StoredBackup, known: ReadParts, signal: AbortSignal, say: Say): Promise<Check[]> {
  if (!isComplete(one)) return [{ name: 'listing', good: false, found: one.fault ?? 'it is not whole' }];
  const checks: Check[] = [];
  const told = async (name: string, check: Promise<Check>) =>
    check.catch((error: unknown) => {
      if (!(error instanceof Failure) || error.exit !== 7) throw error;
      return { name, good: false, found: error.message };
    });
  for (const { held, part } of neededFor(one, one.manifest.parts)) {
    const key = `${held.store.name} ${held.id} ${part.name}`;
    const reading = known.get(key) ?? told(part.name, readPart(held, part, signal, say));
    known.set(key, reading);
    const check = await reading;
    checks.push(held === one ? check : { ...check, name: `${check.name} of its full pack, ${held.id}` });
  }
  for (const { key } of one.keys) {
    const name = key.slice(key.lastIndexOf('/') + 1);
    if (isVerdictName(name)) checks.push(await told(name, rereadVerdict(one, key, name)));
  }
  return checks;
}

async function rereadVerdict({ store, id }: CompleteBackup, key: string, name: string): Promise<Check> {
  const good = readVerdict(await getText(store, key))?.backup === id;
  return { name, good, found: good ? 'as it was written' : 'it is not what was written' };
}
