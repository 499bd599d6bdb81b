// How long something may take, as people write it: 500ms, 90, 90s, 5m, 2h.
import { Failure } from './errors.ts';

const units = { ms: 0.001, s: 1, m: 60, h: 3600 };

// Node's timers overflow after 24.8 days and then fire at once; a week is more than any wait means.
const longest = 7 * 24 * 3600;

/** Seconds in a duration. @throws Failure 2 when it is none, or above a week. */
export function seconds(text: string): number {
  const [, amount, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|[smh])?$/.exec(text) ?? [];
  const found = amount === undefined ? Number.NaN : Number(amount) * (isUnit(unit) ? units[unit] : 1);
  if (!(found <= longest))
    throw new Failure(2, `${JSON.stringify(text)} is not a duration of at most a week`, {
      advice: 'write it as 500ms, 90s, 5m or 2h',
    });
  return found;
}

function isUnit(text: string | undefined): text is keyof typeof units {
  return text !== undefined && text in units;
}
