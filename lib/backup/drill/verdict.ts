// What a drill found, as it is kept beside the backup and in drills.log.
import { randomBytes } from 'node:crypto';
import * as v from 'valibot';
import { lines, sh, type Command } from '../../host/sh.ts';
import { pairs } from '../../log-line.ts';
import type { Target } from '../../target/target.ts';
import { sealOf, stampOf } from '../manifest.ts';
import { drillsLog } from './last-proven.ts';

const schema = v.object({
  version: v.literal(1),
  backup: v.string(),
  store: v.string(),
  /** When the drill ended, by the clock of the host it ran on. */
  time: v.pipe(v.string(), v.isoTimestamp()),
  where: v.string(),
  by: v.string(),
  good: v.boolean(),
  /** From the first byte of the store to data that can be used. */
  restoreSeconds: v.number(),
  checks: v.array(v.object({ name: v.string(), good: v.boolean(), found: v.string() })),
});

export type Verdict = v.InferOutput<typeof schema>;

export function verdictName({ time }: Verdict): string {
  const at = new Date(time);
  // of several in one second the last is the newest by its name too: first the milliseconds, then chance
  const thousandths = at.getUTCMilliseconds().toString(16).padStart(3, '0');
  return `verdict-${stampOf(at)}-${thousandths}${randomBytes(2).toString('hex').slice(1)}.json`;
}

export function isVerdictName(name: string): boolean {
  return /^verdict-\d{8}T\d{6}Z-[0-9a-f]{6}\.json$/.test(name);
}

/** The text that is stored; like that of a manifest it ends with the checksum of all before it. */
export function renderVerdict(verdict: Verdict): string {
  const content = v.parse(schema, verdict);
  return `${JSON.stringify({ ...content, seal: sealOf(content) }, undefined, 2)}\n`;
}

/** undefined for a text that is not, to the byte, what was stored: then nothing was proven. */
export function readVerdict(text: string): Verdict | undefined {
  try {
    const parsed = v.safeParse(schema, JSON.parse(text));
    return parsed.success && renderVerdict(parsed.output) === text ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** Appends the verdict to the log on the host; `found`: by what, when it was no drill. */
export function logVerdict(target: Target, verdict: Verdict, found?: 'verify' | 'restore'): Command {
  const failed = verdict.checks.filter(check => !check.good).map(check => `${check.name}: ${check.found}`);
  const line = `${verdict.time.slice(0, 19)}Z ${pairs({
    env: target.environment,
    backup: verdict.backup,
    store: verdict.store,
    verdict: verdict.good ? 'good' : 'bad',
    ...(found ? { found } : { seconds: verdict.restoreSeconds }),
    by: verdict.by,
    reason: failed.join('; ').slice(0, 400),
  })}`;
  const file = drillsLog(target);
  return lines(
    sh`mkdir -p ${target.paths.releases} || exit 1`,
    sh`printf '%s\\n' ${line} >>${file} || exit 1`,
    sh`sync -d ${file}`,
  );
}
