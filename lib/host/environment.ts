// The environment of every program that we start, on a host and on this machine: without anybody's personal settings.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { lines, script, sh, type Command } from './sh.ts';

/**
 * The variables that are passed on as they are; all others are dropped, whatever set them: rc files, PAM, sshd, a crontab.
 * The proxies are the only way out that some networks have; our own requests to the app go past them.
 */
const kept =
  'HOME USER LOGNAME SHELL TERM SSH_AUTH_SOCK XDG_RUNTIME_DIR TMPDIR http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY'.split(
    ' ',
  );

/** Somebody may count on these: where they are set, BOOKOPS_UNUSED has their names, and the doctor says so. */
const unused = ['DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_CONFIG'];

/** For who has no PATH, and behind the short one of cron. */
const standardPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** No translations; letters beyond ASCII are letters. At level 2 no bash takes itself for a remote login that wants ~/.bashrc. */
const fixed = { LC_ALL: 'C.UTF-8', SHLVL: '2' };

/** A bash that reads no file of a person's. */
export const bash: Command = sh`bash --norc --noprofile`;

/** SQLite's program without ~/.sqliterc; it ends at the first error. */
export const sqlite3: Command = sh`sqlite3 -init /dev/null -batch -bail`;

/**
 * Becomes the program that its arguments name, with those variables. It is for `bash -p -c`, which itself takes no functions,
 * options and no BASH_ENV from its environment. PATH stays the person's, as it says which of several versions of a program
 * is meant (node of nvm, a newer psql) and not how one works; what a checked-out tree can fill is left out of it. Each login
 * shell (bash, zsh, dash, fish, csh) hands it on as it stands: it has no quote, backslash, exclamation mark or line break.
 */
const become = [
  'p=; set -f; IFS=:',
  'for d in $PATH; do case $d in */node_modules/.bin) ;; /*) p=$p:$d ;; esac; done',
  'unset IFS; set +f',
  `PATH=\${p:-:${standardPath}}; PATH=\${PATH#:}`,
  '[ -n "$HOME" ] || HOME=~',
  '[ -n "$XDG_RUNTIME_DIR" ] && [ -O "$XDG_RUNTIME_DIR" ] || XDG_RUNTIME_DIR=/run/user/$EUID',
  '[ -O "$XDG_RUNTIME_DIR" ] || XDG_RUNTIME_DIR=',
  'case $TMPDIR in /*) [ -d "$TMPDIR" ] && [ -w "$TMPDIR" ] || TMPDIR= ;; *) TMPDIR= ;; esac',
  `e=(); for n in ${kept.join(' ')}; do declare -n v=$n; [ -z "$v" ] || e+=("$n=$v"); unset -n v; done`,
  `u=; for n in ${unused.join(' ')}; do declare -n v=$n; [ -z "$v" ] || u=$u,$n; unset -n v; done; [ -z "$u" ] || e+=("BOOKOPS_UNUSED=\${u#,}")`,
  `exec env $s -i "\${e[@]}" PATH="$PATH" ${pairs(fixed).join(' ')} "$@"`,
].join('; ');

/** What a process inherits besides: the mask, the folder, open files, limits as far as they can be raised, ignored signals. */
const settle = [
  'umask 022; cd /',
  'for d in /proc/self/fd/*; do d=${d##*/}; [ "$d" -le 2 ] || eval "exec $d>&-"; done',
  'for n in f t v; do ulimit -S -$n hard; done 2>/dev/null',
  's=; while read -r n v; do case $n in SigIgn:) [ "$v" = 0000000000000000 ] || s=--default-signal ;; esac; done </proc/$$/status',
].join('; ');

/** Words after `bash` and before a program's own: it starts as every program of ours on a host. */
const startWords: readonly string[] = ['--norc', '--noprofile', '-p', '-c', `${settle}; ${become}`, 'bash'];

/** The words after `bash` with which a host on this machine starts a shell: `-s`, or `-c` and its text. */
export function shellWords(...words: string[]): string[] {
  return [...startWords, 'bash', '--norc', '--noprofile', ...words];
}

/** For sshd: the user's login shell is replaced by a bash of ours, which reads its text from standard input. */
export function shellFromInput(seconds: number): string {
  return sh`exec bash ${startWords} timeout ${seconds} ${bash} -s`.text;
}

/** The same with a text. It is packed, because login shells read a backslash in quotes in different ways. */
export function shellWith(text: Command): string {
  const packed = gzipSync(text.text).toString('base64');
  const unpack = 'text=$(set -o pipefail; printf %s "$1" | base64 -d | gzip -d) && shift && eval "$text"';
  return sh`exec bash ${startWords} ${bash} -c ${unpack} bash ${packed}`.text;
}

/** Ends a bash that could not tell our answers from the complaints of programs: `exec 2>&1` in a file that the login shell reads. */
export const refuseJoined: Command = script(
  `[[ ! /dev/fd/1 -ef /dev/fd/2 ]] || { echo 'a file that the login shell reads sends standard error into standard output'; exit 70; }`,
);

/** Defines start_again for a file that cron starts: as every program of ours, with the word `clean` behind its own. */
export const startAgain: Command = sh`start_again() {
  PATH=$PATH:${standardPath} exec bash ${startWords} ${bash} "$0" "$@" clean
}`;

/** The same at the head of such a file. */
export const startedClean: Command = lines(
  startAgain,
  script('[[ ${*: -1} == clean ]] || start_again "$@"\nset -- "${@:1:$#-1}"'),
);

/** Defines start_as for `as_user` of step-functions.sh: what sudo starts gets the same environment, whatever PAM and sudoers add. */
export const startAs: Command = sh`start_as=${`s=; ${become}`}`;

const stepText = readFileSync(new URL('./step-functions.sh', import.meta.url), 'utf8');

/** The functions that every step and every undo may use. */
export function stepFunctions(): Command {
  return lines(startAs, script(stepText));
}

/** One of them, for a shell of its own: `is_there` of step-functions.sh. */
export const isThere: Command = script(/^is_there\(\) \{\n[^]*?\n\}/m.exec(stepText)?.[0] ?? '');

/** For the programs that run here: git, ssh-keygen, sendmail. */
export function programEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const given = kept.flatMap(name => (environment[name] ? [[name, environment[name]] as const] : []));
  return { ...Object.fromEntries(given), PATH: pathOf(environment), ...fixed };
}

/** Which engine and which builder the person or the CI works with, and what a cache of theirs is reached by. */
const dockersOwn =
  /^(DOCKER_(HOST|CONTEXT|CONFIG|TLS_VERIFY|CERT_PATH)|BUILDX_(BUILDER|CONFIG)|BUILDKIT_HOST|ACTIONS_(CACHE|RESULTS|RUNTIME)_\w+|AWS_\w+|GOOGLE_APPLICATION_CREDENTIALS)$/;

/** For docker on this machine. DOCKER_DEFAULT_PLATFORM and the like are left out: what is built is what ops.yml says. */
export function dockerEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = Object.entries(environment).filter(([name]) => dockersOwn.test(name));
  return { ...Object.fromEntries(own), ...programEnvironment(environment) };
}

/**
 * For ssh, whose configuration is the person's own and may name any variable of theirs: `Match exec`, `ProxyCommand`,
 * `IdentityFile ${…}`. Only what changes how shells work and what programs say is left out.
 */
export function sshEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = Object.entries(environment).filter(
    ([name]) => !/^(LANG|LANGUAGE|LC_.*|BASH_.*|ENV|SHELLOPTS|BASHOPTS|POSIXLY_CORRECT|CDPATH|GLOBIGNORE|IFS|TMOUT|NODE_OPTIONS|LD_.*)$/.test(name), // prettier-ignore
  );
  return { ...Object.fromEntries(own), PATH: pathOf(environment), ...fixed, SSH_ASKPASS_REQUIRE: 'never' };
}

function pathOf({ PATH = '' }: NodeJS.ProcessEnv): string {
  const entries = PATH.split(':').filter(entry => entry.startsWith('/') && !entry.endsWith('/node_modules/.bin'));
  return entries.join(':') || standardPath;
}

function pairs(variables: Record<string, string>): string[] {
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}
