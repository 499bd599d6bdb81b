// The stores of a target, looked at before the night: what each can do, and whether the next backup will be in it.
import type { Target } from '../config/target.ts';
import { failure, type Finding } from '../doctor/finding.ts';
import { Failure } from '../errors.ts';
import { probeStore } from '../store/probe.ts';
import type { Store } from '../store/store.ts';
import type { Context, Result } from '../task.ts';
import { backupsIn } from './catalog.ts';
import { prefixOf } from './manifest.ts';

/** Exit code 7 when a backup could not be stored or read back in one of them; a warning is none. */
export async function probed(
  { report }: Pick<Context, 'report'>,
  target: Target,
  stores: readonly Store[],
): Promise<Result> {
  const { app, environment } = target;
  const all: { store: string; findings: Finding[] }[] = [];
  for (const store of stores) {
    let findings: Finding[] = [];
    await report.show([{ title: `Try ${store.name}`, run: async () => void (findings = await look(store, target)) }]);
    all.push({ store: store.name, findings });
  }
  const { green, yellow, red, cyan } = report.paint;
  const paint = { good: green, warning: yellow, failure: red };
  const found = all.flatMap(({ store, findings }) => findings.map(one => ({ ...one, store })));
  const rows = found.map(({ store, check, state, says }) => [paint[state](marks[state]), store, check, says]);
  // a fix is to be copied, so it is never cut to the width of the terminal as the table is
  const lines = report
    .table(rows)
    .split('\n')
    .flatMap((line, at) => [line, ...(found[at]?.fix ? [`  ${cyan(`→ ${found[at].fix}`)}`] : [])]);
  const bad = all.filter(({ findings }) => findings.some(({ state }) => state === 'failure')).map(({ store }) => store);
  const headline = bad.length
    ? `${app} ${environment} cannot be backed up to ${bad.join(', ')}`
    : `the next backup of ${app} ${environment} will find its way into ${all.map(({ store }) => store).join(', ')}`;
  return {
    text: `${lines.join('\n')}\n${headline}`,
    json: { app, environment, good: !bad.length, stores: all },
    exit: bad.length ? 7 : 0,
  };
}

const marks: Record<Finding['state'], string> = { good: '✔', warning: '!', failure: '✖' };

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
