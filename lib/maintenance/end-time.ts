// When maintenance ends: parsed as people write it, resolved with the clock and the time zone of the host.
import { seconds } from '../duration.ts';
import { Failure } from '../errors.ts';
import { sh, type Command } from '../host/sh.ts';
import type { Facts } from '../release/facts.ts';

/** Seconds from now, or a time as `date -d` of the host reads it. */
export type EndTime = { after: number } | { at: string };

export type Moment = {
  /** `2026-11-21T18:30+01:00` */
  iso: string;
  /** `18:30 CET`, with the day when it is not today on the host */
  words: string;
  /** Seconds since 1970. */
  seconds: number;
};

const advice = 'write it as 18:30, 2026-11-21T18:30 or 2h';

/** @throws Failure 2 when it is neither a time nor a duration. */
export function readUntil(text: string): EndTime {
  if (/^([01]\d|2[0-3]):[0-5]\d$/.test(text)) return { at: text };
  const [, day, time] = /^(\d{4}-\d\d-\d\d)T((?:[01]\d|2[0-3]):[0-5]\d)$/.exec(text) ?? [];
  if (day && time) return { at: `${day} ${time}` };
  // with its unit, because 1830 could be seconds or a time
  if (/[smh]$/.test(text)) return { after: Math.ceil(seconds(text)) };
  throw new Failure(2, `--until: ${JSON.stringify(text.slice(0, 60))} is not a time`, { advice });
}

/** For askFacts. A moment that is so many seconds away is put at the end of its minute, because cron looks once a minute. */
export function untilQuestion(wanted: EndTime): Command {
  const moment =
    'at' in wanted
      ? sh`moment=$(date -d ${wanted.at} +%s)`
      : sh`moment=$((($(date +%s) + ${wanted.after} + 59) / 60 * 60))`;
  return sh`{ date '+%F|%H:%M'; ${moment} && date -d "@$moment" '+%s|%Y-%m-%dT%H:%M%:z|%F|%H:%M|%Z|%:z|%A %-d %B %Y'; } 2>/dev/null | fact until`;
}

/** The host's answer. @throws Failure 2 when there is no such moment, or it is over. */
export function endMoment(facts: Facts, text: string, where: string): Moment {
  const [now = '', answer = ''] = (facts.answers.get('until') ?? '').trim().split('\n');
  const [at = '', iso = '', day, time = '', zone = '', offset = '', longDay = ''] = answer.split('|');
  if (!iso) throw new Failure(2, `--until: ${text} is not a time on the clock of ${where}`, { advice });
  const [today, clock] = now.split('|');
  // some zones have no letters, only +03
  const place = /^[A-Z]/.test(zone) ? zone : `UTC${offset}`;
  if (Number(at) <= facts.now.getTime() / 1000)
    throw new Failure(
      2,
      `--until: ${day === today ? '' : `${longDay}, `}${time} ${place} is over: on ${where} it is ${clock} ${place}`,
      {
        advice: 'a time without a date is one of today there; write 2026-11-21T18:30 for another day',
      },
    );
  return { iso, words: `${day === today ? '' : `${longDay}, `}${time} ${place}`, seconds: Number(at) };
}

/** Whether the host has what ends a maintenance. */
export function cronRuns(facts: Facts): boolean {
  return facts.answers.has('cron') && facts.answers.get('cron-runs')?.trim() === 'yes';
}
