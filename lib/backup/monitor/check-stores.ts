// Checks the stores of a target before the next backup: what each supports, and whether that backup can be written to it.
import { nameOf, targetName } from '../../target/command.ts';
import type { Target } from '../../target/target.ts';
import { failure, good, warning, type Finding } from '../../finding.ts';
import { Failure } from '../../errors.ts';
import { probeStore } from '../../store/self-test.ts';
import type { AppBucket } from '../../store/s3/app-bucket.ts';
import type { Store } from '../../store/store.ts';
import type { Context } from '../../task/context.ts';
import { doItem } from '../../report/items.ts';
import { findingsTable } from '../../report/findings.ts';
import type { Result } from '../../report/result.ts';
import { backupsIn } from '../catalog.ts';
import { prefixOf } from '../manifest.ts';

/** Exit code 7 when a backup could not be stored or read back in one of them; a warning is none. */
export async function checkStores(
  { report, environment: variables, signal }: Pick<Context, 'environment' | 'report' | 'signal'>,
  target: Target,
  stores: readonly Store[],
): Promise<Result> {
  const all: { store: string; findings: Finding[] }[] = [];
  for (const store of stores) {
    const findings = await doItem(report, `Try ${store.name}`, () => look(store, target));
    all.push({ store: store.name, findings });
  }
  const { bucket } = target.backup ?? {};
  if (bucket) {
    const { s3Source } = await import('../../store/s3/app-bucket.ts');
    const source = s3Source(bucket, { environment: variables, signal });
    const found = await doItem(report, `Look into ${source.name}`, () => lookInto(source));
    all.push({ store: source.name, findings: [found] });
  }
  const found = all.flatMap(({ store, findings }) => findings.map(one => ({ ...one, store })));
  const bad = all.filter(({ findings }) => findings.some(({ state }) => state === 'failure')).map(({ store }) => store);
  const headline = bad.length
    ? `${targetName(target)} cannot be backed up: ${bad.join(', ')} would fail`
    : `the next backup of ${targetName(target)} can be written to ${stores.map(({ name }) => name).join(', ')}`;
  return {
    text: `${findingsTable(report, found)}\n${headline}`,
    json: { ...nameOf(target), good: !bad.length, stores: all },
    exit: bad.length ? 7 : 0,
  };
}

/** The bucket that is taken along: what cannot be read tonight would end the backup. */
async function lookInto(source: AppBucket): Promise<Finding> {
  try {
    for await (const { key } of source.list()) {
      const found = await source.read(key);
      found?.body.destroy();
      return good('source', `can be listed, and ${JSON.stringify(key)} be read`);
    }
    return warning('source', 'is empty', 'is it the right bucket and prefix? see backup.bucket in ops.yml');
  } catch (error) {
    if (!(error instanceof Failure) || error.exit >= 130) throw error;
    return failure('source', error.message, error.advice ?? `look at the bucket ${source.name}`);
  }
}

async function look(store: Store, target: Target): Promise<Finding[]> {
  const findings = await probeStore(store);
  // where not even a small object can be stored, the rest would say the same again
  if (findings[0]?.state === 'failure') return findings;
  try {
    const [newest] = await backupsIn(store, target);
    return [...findings, ...(await store.examine(prefixOf(target), newest?.bytes ?? 0))];
  } catch (error) {
    if (!(error instanceof Failure) || error.exit >= 130) throw error;
    return [...findings, failure('looking', error.message, error.advice ?? `look at the store ${store.name}`)];
  }
}
