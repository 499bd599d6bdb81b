// A store that is a folder on a host, over ssh, like `user@host:/path` for rsync, with nothing there but bash and coreutils.
import { posix } from 'node:path';
import { taskCommand } from '../../target/command.ts';
import { readStream, recordsOf, run, remoteOn } from '../../host/run.ts';
import type { StoreSettings } from '../../target/backup-settings.ts';
import type { Finding } from '../../finding.ts';
import { Failure } from '../../errors.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import { type StoreContext, folderAbove, unfinished, verifyKey, type Store } from '../store.ts';
import { leftovers, room } from '../checks.ts';
import { putFile } from './put.ts';

export type SshStoreSettings = Extract<StoreSettings, { kind: 'ssh' }>;

export function sshStore(
  { name, host, folder }: SshStoreSettings,
  { connect, signal }: Omit<StoreContext, 'environment'>,
): Store {
  const reach = () => remoteOn(host, { connect, signal });
  const place = (key: string) => {
    verifyKey(key);
    return `${folder}/${key}`;
  };
  /** What goes wrong there, with what to do about it; the body's own errors never come here as a Failure 4. */
  const refused = (error: unknown, what: string) => (signal.aborted ? signal.reason : explain(error, what, folder));

  /** Every file of the store with this prefix whose own name is like that: `size path`, each with a NUL behind it. */
  const find = (prefix: string, like: Command, what: Command): Command => {
    if (!/^[\w./-]*$/.test(prefix)) throw new TypeError(`not a prefix of a store: ${JSON.stringify(prefix)}`);
    const above = folderAbove(prefix) ? `./${folderAbove(prefix)}/` : './';
    return lines(
      enter(folder),
      sh`[ -d ${above} ] || exit 0`,
      sh`find -P ${above} -ignore_readdir_race -type f ${like} -path ${`./${prefix}*`} ${what}`,
    );
  };

  const free = async () =>
    Number(await run(await reach(), sh`df -PB1 ${folder} | awk 'NR==2 {print $4}'`, 'asking for its room'));

  const ask = async (command: Command, doing: string, failed: string) => {
    try {
      return await run(await reach(), command, doing);
    } catch (error) {
      throw refused(error, failed);
    }
  };

  return {
    name,
    free,

    async put(key, body) {
      const file = place(key);
      let broken: unknown;
      body.once('error', error => (broken = error));
      try {
        return await putFile(await reach(), file, body);
      } catch (error) {
        if (!signal.aborted && error === broken) throw error;
        throw refused(error, `${key} cannot be written to the store ${name}`);
      } finally {
        body.destroy();
      }
    },

    async get(key) {
      const file = place(key);
      const there = sh`if [ -f ${file} ]; then echo yes; else why=$(stat ${file} 2>&1); case $why in *'Permission denied'*) printf '%s\\n' "$why" >&2; exit 1 ;; esac; fi`;
      const said = await ask(there, `looking for ${key}`, `${key} cannot be read from the store ${name}`);
      if (said.trim() === 'yes') return readStream(await reach(), sh`cat ${file}`, `reading ${key} from ${name}`);
      throw new Failure(7, `the store ${name} has no ${key}`, { advice: `look into ${folder} on ${host.name}` });
    },

    async *list(prefix) {
      try {
        const command = find(prefix, sh`! -name ${'.*'}`, sh`-printf '%s %p\\0'`);
        const listing = readStream(await reach(), command, `looking through ${folder}`);
        for await (const found of recordsOf(listing, 0, 'its listing'))
          for (const one of found.map(String)) {
            const [, bytes = '', path = ''] = /^(\d+) \.\/(.*)$/s.exec(one) ?? [];
            yield { key: path, bytes: Number(bytes) };
          }
      } catch (error) {
        throw refused(error, `the store ${name} cannot be listed`);
      }
    },

    async remove(key) {
      place(key);
      const above = posix.dirname(key);
      const command = lines(
        enter(folder),
        sh`rm -f -- ${key} || exit 1`,
        // an empty folder is nothing that this store has; others are not empty and stay
        above !== '.' && sh`rmdir -p --ignore-fail-on-non-empty -- ${above} 2>/dev/null`,
        script('exit 0'),
      );
      await ask(command, `removing ${key}`, `${key} cannot be deleted from the store ${name}`);
    },

    async sweep(prefix) {
      const command = lines(
        script('set -o pipefail'),
        sh`{
${find(prefix, sh`-name ${`${unfinished}*`}`, sh`-delete -printf x`)}
} | wc -c`,
      );
      return Number(await ask(command, 'sweeping', `unfinished uploads cannot be aborted in the store ${name}`));
    },

    async examine(prefix, needed): Promise<Finding[]> {
      const way = await reach();
      const left = await run(way, find(prefix, sh`-name ${`${unfinished}*`}`, sh`-printf x`), 'looking');
      return [room(await free(), needed, `${folder} on ${way.host.where}`), leftovers(left.length)];
    },
  };
}

/** Succeeds where there is no such folder yet, as then there is nothing in it. */
function enter(folder: string): Command {
  return sh`why=$(cd ${folder} 2>&1) || case $why in *'No such file or directory'*) exit 0 ;; *) printf '%s\\n' "$why" >&2; exit 1 ;; esac
cd ${folder} || exit 1`;
}

function explain(error: unknown, what: string, folder: string): unknown {
  if (!(error instanceof Failure)) return error;
  const { exit, message, detail = '' } = error;
  const more = (advice: string | undefined) => ({ advice, detail: detail || undefined, cause: error });
  if (exit === 4) {
    const lost = message.startsWith('connection lost');
    const advice =
      'when the connection is back, try again: nothing half is listed, and the next backup removes what was left';
    return new Failure(4, `${what}: ${message}`, more(lost ? advice : error.advice));
  }
  if (exit !== 1) return error;
  const why = detail.split('\n').findLast(line => line.trim()) ?? message;
  const [, advice] = meanings.find(([pattern]) => pattern.test(why)) ?? [];
  return new Failure(1, `${what}: ${why}`, more(advice?.(folder)));
}

const meanings: [RegExp, (folder: string) => string][] = [
  [/No space left|Disk quota exceeded/, () => `make room there: ${taskCommand('backups prune')} --plan`],
  [
    /Permission denied|Operation not permitted|Read-only file system/,
    folder => `${folder} must belong to the user who connects; there: sudo install -d -m 700 -o <that user> ${folder}`,
  ],
  [/Not a directory|No such file/, folder => `is ${folder} the right folder, and its disk mounted?`],
  [/command not found/, () => 'the host needs bash, coreutils and findutils'],
];
