// The text of the maintenance flag, which maintenance.ts writes and nginx/site.conf.liquid tests: who switched it on, until when, with what message.

export type MaintenanceFlag = {
  on: true;
  minutes: number;
  by: string | undefined;
  /** As in the flag: `2026-11-21T18:30+01:00`. */
  until: string | undefined;
  message: string | undefined;
  /** Whether its end has passed. */
  isOver: boolean;
  /** `on for 5 min: by ana@laptop, until 2026-11-21 18:30 +01:00: moving house` */
  words: string;
};

/** One line. lib/maintenance/end.sh reads the time in it. */
export function flagText(by: string, until: string | undefined, message: string | undefined): string {
  const told = message === undefined ? '' : ` message="${message.replaceAll(/[\\"]/g, '\\$&')}"`;
  return `by ${by}: switched on by hand${until === undefined ? '' : ` until=${until}`}${told}`;
}

const byHand = /^by (\S+): switched on by hand(?: until=([\dT:+-]+))?(?: message="((?:[^"\\]|\\.)*)"?)?$/s;

/** @param fact what facts say about the flag: the second it was made, and its content */
export function readFlag(fact: string, now: Date): MaintenanceFlag {
  const [made = '', ...rest] = fact.split('\n');
  const minutes = Math.max(0, Math.round((now.getTime() / 1000 - Number(made)) / 60));
  const said = rest.join(' ').trim();
  const [, by, until, quoted] = byHand.exec(said) ?? [];
  const message = quoted?.replaceAll(/\\(.)/gs, '$1');
  const isOver = until !== undefined && Date.parse(until) <= now.getTime();
  const end =
    until &&
    `${isOver ? ', its end has passed: ' : ', until '}${until.replace('T', ' ').replace(/(?=[+-]\d\d:\d\d$)/, ' ')}`;
  // a deploy's flag, or one of older scripts, says what it says
  const words = by === undefined ? said : `by ${by}${end ?? ''}${message === undefined ? '' : `: ${message}`}`;
  return {
    on: true,
    minutes,
    by: by ?? /^by ([^\s:]+)/.exec(said)?.[1],
    until,
    message,
    isOver,
    words: `on for ${minutes} min${words ? `: ${words}` : ''}`,
  };
}
