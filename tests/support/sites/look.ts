// What stands on a droplet, seen as root and without bookops: what serves, log, pointers, database, containers, leftovers.
import * as assert from 'uvu/assert';
import type { Droplet } from '../droplet/droplet.ts';
import type { Said } from './site.ts';

/** Where one environment of an example keeps its things. */
export type Place = {
  root: string;
  database: string;
  flag: string;
  /** How its version is asked, and the pattern that finds it in headers and body. */
  asks: { url: string; sha: RegExp };
  /** compose: the project. */
  project?: string;
  /** systemd: the unit. */
  unit?: string;
};

export type Look = {
  serves: string;
  current: string;
  previous: string;
  linked: string;
  log: string[];
  folders: string[];
  flag: string;
  database: string;
  containers: string[];
  /** Its redis: id and start. */
  redis: string;
  images: string[];
  /** Volumes, networks, journal, scratch files, snapshots that are only for a running attempt, the lock. */
  leftovers: string[];
  unit: string;
};

export async function look(droplet: Droplet, place: Place): Promise<Look> {
  const { root, asks, project = 'none', unit = 'none' } = place;
  const releases = `${root}/releases`;
  const said = await droplet.root(`
    part() { printf '\\n=== %s\\n' "$1"; }
    part serves; curl -s -D - --max-time 5 ${asks.url}
    part current; cat ${releases}/current_release 2>/dev/null
    part previous; cat ${releases}/previous_release 2>/dev/null
    part linked; readlink ${root}/current
    part log; cat ${releases}/releases.log 2>/dev/null
    part folders; find ${releases} -mindepth 1 -maxdepth 1 -type d ! -name '.*' -printf '%f\\n' 2>/dev/null | sort
    part flag; ls ${place.flag} 2>/dev/null
    part database; sha256sum ${place.database}* 2>/dev/null | sort -k2
    part containers; docker ps -a --filter label=com.docker.compose.project=${project} --format '{{.Names}} {{.Image}} {{.State}}' | sort
    part redis; docker inspect -f '{{.Id}} {{.State.StartedAt}}' ${project}-redis-1 2>/dev/null
    part images; docker images --format '{{.Repository}}:{{.Tag}} {{.ID}}' | sort
    part unit; systemctl show -p ActiveState --value ${unit} 2>/dev/null
    part leftovers
    ls -d ${releases}/.keeper/journal ${releases}/.keeper/reserve ${releases}/.keeper/holder 2>/dev/null
    ls -d ${releases}/.keeper/bookops.* /dev/shm/bookops* /tmp/bookops* /tmp/docker.* /tmp/tmp.* 2>/dev/null
    find ${root} -name '*.exact' -o -name '*.new' -o -name '*.back' -o -name '*.restored'
    docker volume ls -q; docker ps -aq --filter status=created --filter status=dead
    if [ -e ${releases}/.keeper/lock ] && ! flock -w 5 ${releases}/.keeper/lock true; then echo 'the lock is held'; fi`);
  const parts = new Map(
    `\n${said.stdout}`
      .split('\n=== ')
      .slice(1)
      .map(part => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1).trim()] as const),
  );
  const text = (name: string) => parts.get(name) ?? '';
  const lines = (name: string) => text(name).split('\n').filter(Boolean);
  return {
    serves: asks.sha.exec(text('serves'))?.[1] ?? 'nothing',
    current: text('current'),
    previous: text('previous'),
    linked: text('linked'),
    log: lines('log'),
    folders: lines('folders'),
    flag: text('flag'),
    database: text('database'),
    containers: lines('containers'),
    redis: text('redis'),
    images: lines('images'),
    leftovers: lines('leftovers'),
    unit: text('unit'),
  };
}

/** One key of a log line. */
export function inLine(line: string | undefined, key: string): string | undefined {
  const found = new RegExp(` ${key}=(?:"([^"]*)"|(\\S+))`).exec(line ?? '');
  return found?.[1] ?? found?.[2];
}

/** Everything but the log is as it was; the log has one line more, and that one says `outcome`. */
export function stayedBut(before: Look, after: Look, outcome: string): string {
  const { log: was, ...same } = before;
  const { log: is, ...now } = after;
  assert.equal(now, same);
  assert.equal(is.slice(0, -1), was);
  assert.is(inLine(is.at(-1), 'outcome'), outcome);
  return is.at(-1) ?? '';
}

/** `outcome=live` of `sha` in the newest line, in both pointers, and in what answers; nothing is left over. */
export function isLive(now: Look, sha: string, previous: string): void {
  assert.equal(
    { serves: now.serves, current: now.current, previous: now.previous, flag: now.flag, leftovers: now.leftovers },
    { serves: sha, current: sha, previous, flag: '', leftovers: [] },
  );
  const line = now.log.at(-1);
  assert.equal([inLine(line, 'sha'), inLine(line, 'outcome')], [sha, 'live']);
}

/** The exit code, with everything that was said when it is another one. */
export function ended(said: Said, code: number): Said {
  if (said.code !== code)
    throw new Error(`exit ${said.code}, expected ${code}\nstdout: ${said.stdout}\nstderr: ${said.stderr}`);
  return said;
}

/** What a failed task says after its time-stamped lines. */
export function explanationOf(said: Said): string[] {
  const lines = said.stderr.trimEnd().split('\n');
  return lines.slice(lines.findLastIndex(line => /^\d\d:\d\d:\d\d /.test(line)) + 1);
}
