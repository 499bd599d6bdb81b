// The doctor's queries beyond the facts of a target: lines for the same single query, which change nothing.
import { copyTools } from '../database/backup-copy.ts';
import { foldersQuestion } from '../backup/files/included-folders.ts';
import type { Target } from '../target/target.ts';
import { bash } from '../host/environment.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import { fileQuestion } from '../certificate/inspect.ts';
import { runtimeOf } from '../runtime/runtime-of.ts';
import { proofQuestion } from '../backup/drill/last-proven.ts';
import { rightsQuestion } from './rights.ts';
import { instancesDoctorQuestion } from './instance-findings.ts';
import { siteDoctorQuestion } from './site-findings.ts';

/** What every plan needs, then what the runtime, the database and the backups need. */
export function toolsOf(target: Target): string[] {
  const runtime = runtimeOf(target).tools.filter(name => !name.includes(' '));
  const always = ['flock', 'curl', 'setsid', 'base64', 'gzip', 'tail', 'timeout', 'stat', 'df', 'awk', 'grep'];
  const { database, backup } = target;
  const packing = backup ? ['zstd', 'tar', 'sha256sum', 'find'] : [];
  if (backup?.encrypt) packing.push('age');
  const opening = database ? [...copyTools(database), 'find', ...(database.kind === 'postgres' ? ['zstd'] : [])] : [];
  return [...new Set([...always, ...runtime, ...opening, ...packing])];
}

/** What steps run as the app's user. */
export const asAppUser = ['bash', 'test', 'head', 'kill'];
/** What steps run as root on the unit. */
export const onUnit = ['start', 'stop', 'reset-failed'];

/** Shell lines `… | fact name` for askFacts. */
export function doctorQuestion(target: Target): Command {
  const { runtime, root, paths, database } = target;
  const folders = foldersQuestion(target);
  return lines(
    sh`printf %s "$BASH_VERSION" | fact bash; hostname | fact hostname`,
    sh`for tool in ${toolsOf(target)}; do command -v "$tool" >/dev/null || echo "$tool"; done | fact lacking`,
    sh`{ tail --help 2>&1 | grep -q -e --pid || echo tail; timeout --help 2>&1 | grep -q -e --kill-after || echo timeout; flock --help 2>&1 | grep -q -e --conflict-exit-code || echo flock; } | fact other`,
    sh`df -Pi ${root} 2>/dev/null | awk 'NR==2 {print $4, $2}' | fact inodes`,
    access('root', root),
    access('releases', paths.releases),
    access('shared', paths.shared),
    ...target.env.map((one, at) => sh`stat -L -c '%a %U' ${one.file} 2>/dev/null | fact ${`envmode${at}`}`),
    absent(target),
    rightsQuestion(target),
    folders && sh`${folders} | fact include`,
    database?.kind === 'sqlite' && sh`sqlite3 --version 2>/dev/null | fact sqlite`,
    database?.as ? sh`{ sudo -n -u ${database.as} true && echo yes; } 2>&1 | fact database-user` : undefined,
    (runtime.kind === 'compose' || runtime.kind === 'once') && docker(),
    runtime.kind === 'systemd' && systemd(runtime),
    siteDoctorQuestion(target),
    fileQuestion(target),
    instancesDoctorQuestion(target),
    proofQuestion(target),
  );
}

/** `missing`, `read-only` or `fine`, and whose it is. */
function access(name: string, folder: string): Command {
  return sh`{ if [ ! -d ${folder} ]; then echo missing; elif [ -w ${folder} ] && [ -x ${folder} ]; then echo fine; else echo read-only "$(stat -c %U ${folder})"; fi; } | fact ${name}`;
}

/** What releases link to in shared/ and is not there for the user who follows the link, a line each. */
function absent({ runtime, paths }: Target): Command {
  if (runtime.kind === 'compose' || runtime.kind === 'once' || !runtime.shared.length)
    return sh`printf '' | fact absent`;
  const looking = sh`if cd ${paths.shared}; then for path; do [ -e "$path" ] || printf '%s\n' "$path"; done; else echo .; fi`;
  const as = runtime.kind === 'systemd' ? runtime.user : undefined;
  const other = as === undefined ? sh`false` : sh`[ "$(id -un)" != ${as} ] && sudo -n -u ${as} true`;
  return sh`{ if ${other} 2>/dev/null; then sudo -n -u ${as ?? 'nobody'} -- ${bash} -c ${looking.text} bash ${runtime.shared}; else ${bash} -c ${looking.text} bash ${runtime.shared}; fi; } 2>/dev/null | fact absent`;
}

function docker(): Command {
  return lines(
    sh`{ docker version --format '{{.Server.Version}}' && echo reached; } 2>&1 | fact docker`,
    sh`docker compose version --short 2>&1 | fact compose`,
    script('printf %s "${BOOKOPS_UNUSED:-}" | fact unused'),
  );
}

function systemd({ unit, user }: { unit: string; user: string }): Command {
  const service = `${unit}.service`;
  return lines(
    script('systemctl --version 2>/dev/null | head -n 1 | fact systemd'),
    sh`id -u ${user} 2>/dev/null | fact app-user`,
    sh`{ if [ "$(id -un)" = ${user} ]; then :; else for tool in ${asAppUser}; do sudo -n -l -u ${user} "$(command -v "$tool")" >/dev/null 2>&1 || echo "$tool"; done; fi; } | fact no-sudo-user`,
    sh`{ if [ "$EUID" = 0 ]; then :; else for verb in ${onUnit}; do sudo -n -l "$(command -v systemctl)" "$verb" ${service} >/dev/null 2>&1 || echo "$verb"; done; fi; } | fact no-sudo-unit`,
    // without the permission, journalctl still succeeds, with nothing but a hint
    sh`journalctl -u ${service} -n 1 --no-pager 2>&1 >/dev/null | head -c 2000 | fact journal`,
  );
}
