// A site to be disturbed: visitors come through nginx, a database with rows, a migration that takes its time, a root with a limit that can be drawn in.
import * as assert from 'uvu/assert';
import { goodReleases, parseLog } from '../../../lib/release/log.ts';
import { faultWords } from '../faults/server-faults.ts';
import { until } from '../droplet/program.ts';
import { ended, inLine } from './look.ts';
import { reachedByVisitors, visitorsDomain, visitorsOnDroplet, visitorsRoot, type VisitorsSite } from './visitors.ts';

export type Runtime = 'compose' | 'systemd';

export type Faulty = VisitorsSite & {
  runtime: Runtime;
  /** Runs a script of the table of faults. */
  disturb(script: string): Promise<{ code: number; stdout: string; stderr: string }>;
};

/** What is there for a visitor and for a person who looks. */
export type Seen = {
  /** The SHA that visitors reach through nginx; '' while they reach none. */
  serves: string;
  log: string[];
  /** What the migrations wrote, in their order, and a sum of everything else in the database. */
  migrated: string[];
  rows: string;
};

const dataOf = (runtime: Runtime) => `${visitorsRoot}/${runtime === 'compose' ? 'data' : 'shared/data'}`;
export const env = ['--env', 'production'];

/** Boots it all; good1 serves. */
export async function faultyOnDroplet(runtime: Runtime, name = 'faulty'): Promise<Faulty> {
  const site = await visitorsOnDroplet(`${name}-${runtime}`, { runtime, switch: 'maintenance', startDelay: 800 });
  const database = `${dataOf(runtime)}/book.db`;
  const project = runtime === 'compose' ? 'visitors-production' : undefined;
  const words = faultWords({ root: visitorsRoot, database, project, unit: 'bibliotheca-visitors' });
  const disturb = (script: string) => site.droplet.root(`${words}\n${script}`);
  const made = await disturb(`set -e
    cp -a $root /root/root; mount -t tmpfs -o size=400m,nr_inodes=50000 none $root
    cp -a /root/root/. $root/; chown --reference=/root/root $root; chmod 755 $root
    sqlite3 $database 'CREATE TABLE books (text); WITH RECURSIVE one(at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM one LIMIT 4000) INSERT INTO books SELECT hex(randomblob(400)) FROM one'
    chown ${runtime === 'compose' ? 'root' : 'bib:'} $database`);
  if (made.code !== 0) throw new Error(made.stderr);
  site.site.rewrite(text =>
    text.replace(
      '    health:\n',
      `    database: { sqlite: ${database}, as: ${runtime === 'compose' ? 'root' : 'bib'}, snapshots: ${runtime === 'compose' ? 'backups/db' : 'shared/data/before-deploy'}, keep: 3 }
    migrate: ${JSON.stringify(migration('good'))}\n    health:\n`,
    ),
  );
  await reachedByVisitors(site);
  ended(await site.site.task('deploy', ...env, '--sha', site.app.good1), 0);
  return { ...site, runtime, disturb };
}

const insert = (word: string) => `sqlite3 "$DATA/book.db" "INSERT INTO books VALUES ('migration ${word}')"`;
const migration = (kind: 'good' | 'bad') =>
  `set -e; ${insert('begun')}; sleep 2; ${kind === 'good' ? insert('done') : `echo 'there is no such shelf' >&2; exit 1`}`;

/** From here on deploys migrate like that; and a release that never gets ready is waited for so long. */
export function migrates({ site }: Faulty, kind: 'good' | 'bad', deadline: number): void {
  site.rewrite(text =>
    text
      .replace(/^ {4}migrate: .*$/m, () => `    migrate: ${JSON.stringify(migration(kind))}`)
      .replace(/deadline: \d+s/, `deadline: ${deadline}s`),
  );
}

const asks = `curl -skf -m 5 --resolve ${visitorsDomain}:443:127.0.0.1 https://${visitorsDomain}/version.json`;

export async function see({ disturb }: Faulty): Promise<Seen> {
  const said = await disturb(`${asks}; printf '\\n==\\n'; cat $releases/releases.log; echo ==
    sqlite3 -readonly $database "SELECT text FROM books WHERE text LIKE 'migration %'"; echo ==
    sqlite3 -readonly $database "SELECT text FROM books WHERE text NOT LIKE 'migration %'" | sha256sum`);
  const [version = '', log = '', migrated = '', rows = ''] = said.stdout.split(/^==\n/m);
  const lines = (text: string) => text.split('\n').filter(Boolean);
  return { serves: shaIn(version), log: lines(log), migrated: lines(migrated), rows: rows.trim() };
}

const shaIn = (text: string) => /"commitSha":"([0-9a-f]+)"/.exec(text)?.[1] ?? '';

/** Waits until visitors are served and nobody works on the target any more. */
export async function isCalm({ disturb }: Faulty, seconds: number): Promise<void> {
  await until('visitors are served and the target is free', seconds, async () => {
    const said = await disturb(
      `${asks} && [ ! -e $home/journal ] && { [ ! -e $home/lock ] || flock -n $home/lock true; } && echo free`,
    );
    return said.stdout.endsWith('free\n') ? true : undefined;
  });
}

/** What is written down is what serves, and nothing of an attempt is left. */
export async function isTrue(all: Faulty, serves: string): Promise<void> {
  const { disturb, runtime, site } = all;
  const said = await disturb(`cd $root
    echo "visitors $(${asks})"
    echo "recorded $(cat $releases/current_release)"
    echo "before $(cat $releases/previous_release 2>/dev/null)"
    echo "maintenance $(ls maintenance/MAINTENANCE_ON 2>/dev/null)"
    echo "left $(ls -d $home/journal $home/holder $home/reserve $home/bookops.* /dev/shm/bookops* /tmp/bookops* /var/tmp/bookops* 2>/dev/null; find . -name '*.exact' -o -name '*.new' -o -name '*.back' -o -name '*.restored' -o -name '*.done' -o -name '*.making' -o -name replaces)"
    echo "steps $(pgrep -u deploy -af 'releases/.keeper' | grep -v pgrep || true)"
    ${
      runtime === 'compose'
        ? `echo "runs $(docker ps -a --format '{{.Names}} {{.State}}' | sed 's/-web-[0-9]* /-web /' | xargs) $(docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' $(docker ps -aq) | xargs)"
           echo "of $(docker inspect -f '{{.Config.Image}}' $(docker ps -aq) | sed 's/.*://')"`
        : `echo "runs $(systemctl is-active $unit) $(readlink /proc/$(systemctl show -p MainPID --value $unit)/cwd)"
           echo "of $(readlink current)"`
    }
    echo "folders $(ls -1 $releases | grep -E '^[0-9]{8}_' | xargs)"; echo ==; cat $releases/releases.log`);
  const [facts = '', log = ''] = said.stdout.split(/^==\n/m);
  const good = goodReleases(parseLog(log));
  const release = good.at(-1)?.release ?? '';
  const folder = `${visitorsRoot}/releases/${release}`;
  const { folders, ...rest } = Object.fromEntries(
    facts
      .trim()
      .split('\n')
      .map(line => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1).trim()] as const),
  );
  assert.equal(rest, {
    visitors: `{"commitSha":"${serves}"}`,
    recorded: serves,
    before: good.at(-2)?.sha ?? '',
    maintenance: '',
    left: '',
    steps: '',
    ...(runtime === 'compose'
      ? { runs: 'visitors-production-web running unless-stopped', of: serves }
      : { runs: `active ${folder}`, of: folder }),
  });
  assert.is(good.at(-1)?.sha, serves, 'the log says what serves');
  const named = new Set(log.split('\n').map(line => inLine(line, 'outcome') !== 'failed' && inLine(line, 'release')));
  // a log that somebody removed begins with a release that had one before it: folders from then are known to nobody
  const [line = ''] = log.split('\n');
  const since = inLine(line, 'was') ? (inLine(line, 'release') ?? '') : '';
  assert.equal(
    (folders ?? '').split(' ').filter(name => name > since && !named.has(name)),
    [],
    'no folder of a release that nobody tells of',
  );
  const status = ended(await site.task('status', ...env, '--json'), 0);
  const [told] = status.json['targets'] as { sha: string; healthy: boolean; leftover?: string; holder?: string }[];
  assert.equal([told?.sha, told?.healthy, told?.leftover, told?.holder], [serves, true, undefined, undefined]);
}
