// How long something takes, as people write it (500ms, 90, 90s, 5m, 2h) and as they read it (2 d 3 h).
import { Failure } from './errors.ts';

const units = { ms: 0.001, s: 1, m: 60, h: 3600 };

// Node's timers overflow after 24.8 days and then fire at once; a week is more than any wait means.
const longest = 7 * 24 * 3600;

/** Seconds in a duration; undefined when it is none, or above a week. */
export function secondsOf(text: string): number | undefined {
  const [, amount, unit] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|[smh])?$/.exec(text) ?? [];
  const found = amount === undefined ? Number.NaN : Number(amount) * (isUnit(unit) ? units[unit] : 1);
  return found <= longest ? found : undefined;
}

/** The same. @throws Failure 2 when it is none, or above a week. */
export function seconds(text: string): number {
  const found = secondsOf(text);
  if (found === undefined)
    throw new Failure(2, `${JSON.stringify(text)} is not a duration of at most a week`, {
      advice: 'write it as 500ms, 90s, 5m or 2h',
    });
  return found;
}

function isUnit(text: string | undefined): text is keyof typeof units {
  return text !== undefined && text in units;
}

const ages = { m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Seconds in an age such as 90m, 36h, 7d or 4w; nothing waits for it, so it may be long. @throws Failure 2 when it is none */
export function ageOf(text: string): number {
  const [, amount, unit] = /^([1-9]\d{0,3})([mhdw])$/.exec(text) ?? [];
  if (isAge(unit)) return Number(amount) * ages[unit];
  throw new Failure(2, `${JSON.stringify(text)} is not a duration`, { advice: 'write it as 90m, 36h, 7d or 4w' });
}

function isAge(unit: string | undefined): unit is keyof typeof ages {
  return unit !== undefined && unit in ages;
}

export function hundredths(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}

/** Seconds to the hundredth since performance.now() gave `began`, until now or until it gave `ended`. */
export function secondsSince(began: number, ended = performance.now()): number {
  return hundredths((ended - began) / 1000);
}

/** `2 d 3 h`, `5 h 10 min`, `4 min` */
export function span(seconds: number): string {
  const minutes = Math.max(0, Math.round(seconds / 60));
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)];
  if (days) return `${days} d${hours ? ` ${hours} h` : ''}`;
  return hours ? `${hours} h${minutes % 60 ? ` ${minutes % 60} min` : ''}` : `${minutes} min`;
}

/** How long ago that was. */
export function spanSince(time: Date, now = new Date()): string {
  return span((now.getTime() - time.getTime()) / 1000);
}
