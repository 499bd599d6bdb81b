// Copies a database while deploys may run: checks before and after that none is, and copies again if one came in between.
import { targetName, taskCommand } from '../target/command.ts';
import type { DatabaseFacts } from './facts.ts';
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';

/** A copy on the host, what was counted in it, and how it is sent. */
export type Snapshot = {
  /** Its name where nothing is encrypted. */
  part: 'database.sqlite.zst' | 'database.dump.zst';
  facts: DatabaseFacts;
  /** Of the copy, before it is compressed. */
  bytes: number;
  sha256: string;
  tools: Record<string, string>;
  /** The copy on standard output: compressed, and encrypted for the recipients of the target. */
  send: Command;
};

/**
 * Runs a copy that holds no lock of the target and never delays a deploy: it checks whether the target was at rest
 * before and after, and copies again when it was not, so that no half-migrated database is taken. `giveWay` is run when
 * a deploy starts during a copy.
 */
export function betweenDeploys(target: Target, copy: Command, seconds: number, giveWay?: Command): Command {
  const home = `${target.paths.releases}/.keeper`;
  return lines(
    script('set -uo pipefail'),
    sh`end=$((SECONDS + ${Math.ceil(seconds)}))`,
    // a keeper writes a new word into run each time it has taken the lock, so that an equal word means: nobody had it
    sh`at_rest() {
  if [ -e ${`${home}/lock`} ]; then flock -n ${`${home}/lock`} true || return 1; fi
  [ ! -d ${`${home}/journal`} ] || return 2
}`,
    sh`turn() { cat ${`${home}/run`} 2>/dev/null || echo none; }`,
    giveWay
      ? sh`watch() {
  {
    while [ "$(turn)" = "$before" ]; do sleep 0.2; done
${giveWay}
  } </dev/null >/dev/null 2>&1 &
  watcher=$!
}
watched() { kill "$watcher" 2>/dev/null; }`
      : sh`watch() { :; }
watched() { :; }`,
    sh`while :; do
  before=$(turn)
  at_rest
  code=$?
  if ((code == 0)); then
    watch
    said=$(${copy})
    copied=$?
    watched
    if at_rest && [ "$(turn)" = "$before" ]; then
      ((copied == 0)) || exit 1
      printf '%s\\n' "$said"
      exit 0
    fi
  fi
  if ((SECONDS >= end)); then
    echo "busy $code $(cat ${`${home}/holder`} 2>/dev/null)"
    exit 0
  fi
  sleep 0.3
done`,
  );
}

/**
 * @returns the rest of a line by its first word; undefined when there is no database yet.
 * @throws Failure 5 while a deploy is under way, 1 when one was interrupted and is not undone.
 */
export function readRest(text: string, target: Target): ((name: string) => string) | undefined {
  if (/^none$/m.test(text)) return undefined;
  const word = (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]?.trim() ?? '';
  const name = targetName(target);
  const busy = word('busy');
  const midway = `an earlier run stopped midway on ${name}, and its database may be so too: nothing was copied`;
  if (busy.startsWith('2'))
    throw new Failure(1, midway, { advice: `${taskCommand('restart', target)} settles it, then try again` });
  if (busy)
    throw new Failure(5, `a deploy of ${name} was running the whole time: ${busy.slice(2) || 'no holder given'}`, {
      advice: 'try again later, or wait longer with --wait 30m',
    });
  return word;
}
