// Environments that a host may have: what a person, PAM or sshd set there for themselves, and the chores that must not notice.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as assert from 'uvu/assert';
import { startSshd, type Home } from '../ssh/sshd.ts';
import type { BackedUp } from '../book/backed-up.ts';

/** `files` lie in HOME; `variables` are there before a login shell is; `shell` is it, bash unless it says so. */
export type Surroundings = {
  name: string;
  files?: Record<string, string>;
  variables?: Record<string, string>;
  shell?: string;
  /** The last part of HOME. */
  home?: string;
};

/** What must never be seen: each file that a person wrote says it. */
const greeting = 'Welcome, this is the canary';
const echo = `echo '${greeting}'`;
/** As exported by `export -f`: tells of itself, and does nothing. */
const functions = (...names: string[]) =>
  Object.fromEntries(names.map(name => [`BASH_FUNC_${name}%%`, `() { ${echo}; return 3; }`]));
const rc = (name: string, text: string): Surroundings => ({ name, files: { '.bashrc': `${text}\n` } });
const set = (name: string, variables: Record<string, string>): Surroundings => ({ name, variables });

export const surroundings: Surroundings[] = [
  rc('.bashrc greets', echo),
  rc('.bashrc greets on both streams', `${echo}; ${echo} >&2`),
  rc('.bashrc greets without a line break', `printf '%s' '${greeting}'`),
  rc('.bashrc prints 200 kB', `head -c 200000 /dev/zero | tr '\\0' x; ${echo}`),
  rc('.bashrc shows what it does', 'set -x'),
  rc('.bashrc is strict', 'set -euo pipefail -o noclobber -o noglob'),
  rc('.bashrc has options', 'shopt -s nullglob dotglob failglob nocaseglob nocasematch extglob xpg_echo lastpipe; set -o posix'),
  rc('.bashrc has aliases', `shopt -s expand_aliases; alias tar='tar -v' ls='ls --color=always' grep='grep --color=always' rm='rm -i' cp='cp -i' mv='mv -i' bash='bash -x'`),
  rc('.bashrc has functions', `tar() { ${echo}; }; printf() { ${echo}; }; env() { ${echo}; }; bash() { ${echo}; }; base64() { ${echo}; }; export -f tar printf env bash base64`),
  rc('.bashrc has a mask', 'umask 077'),
  rc('.bashrc has limits', 'ulimit -S -f 100; ulimit -S -t 2'),
  rc('.bashrc ignores signals', "trap '' PIPE HUP INT TERM"),
  rc('.bashrc has traps', `trap "${echo}" DEBUG; trap "${echo}" EXIT; PROMPT_COMMAND='${echo}'; export PROMPT_COMMAND`),
  rc('.bashrc opens files', 'exec 3>&1 4<&0 7>/dev/null 8>>/dev/null 9</dev/null'),
  rc('.bashrc goes elsewhere', 'mkdir -p ~/gone && cd ~/gone && rmdir ~/gone'),
  rc('.bashrc sets what shells read', "export TMOUT=1 CDPATH=/etc:/tmp GLOBIGNORE='*' IFS=e PS4='$(echo canary)' HISTFILE=/dev/full FUNCNEST=1 TIMEFORMAT=x BASH_XTRACEFD=1"),
  set('BASH_ENV greets', { BASH_ENV: '/dev/fd/../../bookops-none' }),
  { name: 'BASH_ENV is a file that greets', files: { env: `${echo}\ntar() { ${echo}; }\n` }, variables: { BASH_ENV: '$HOME/env', ENV: '$HOME/env' } },
  set('options by the environment', { SHELLOPTS: 'braceexpand:hashall:interactive-comments:noglob:xtrace:noclobber', BASHOPTS: 'failglob:nocasematch:xpg_echo' }),
  set('POSIX is wanted', { POSIXLY_CORRECT: '1', POSIX_ME_HARDER: '1', _POSIX2_VERSION: '199209' }),
  set('functions of the environment', functions('tar', 'sqlite3', 'zstd', 'cat', 'curl', 'env', 'find')),
  set('German', { LANG: 'C.UTF-8', LANGUAGE: 'de_DE:de' }),
  set('German, with LC_ALL', { LC_ALL: 'C.UTF-8', LANGUAGE: 'de', LC_MESSAGES: 'de_DE.UTF-8', LC_NUMERIC: 'de_DE.UTF-8' }),
  set('a locale that is not there', { LANG: 'tlh_XX.UTF-8', LC_ALL: 'tlh_XX.UTF-8', LC_COLLATE: 'tlh_XX', LOCPATH: '/nonexistent' }),
  set('tar and packers', { TAR_OPTIONS: '--exclude=page --verbose --keep-old-files', GZIP: '-1', ZSTD_CLEVEL: '19', ZSTD_NBTHREADS: '1', XZ_OPT: '-9', TAPE: '/dev/null', RSH: 'false' }),
  set('coreutils', { QUOTING_STYLE: 'shell-always', TIME_STYLE: '+%Y', BLOCK_SIZE: '1M', BLOCKSIZE: '1M', DF_BLOCK_SIZE: 'si', LS_BLOCK_SIZE: '1', LS_COLORS: 'di=1', TABSIZE: '3', COLUMNS: '5' }),
  set('grep, sort, awk', { GREP_OPTIONS: '-v --color=always', GREP_COLORS: 'mt=1', GREP_COLOR: '1', AWKPATH: '/tmp', LESS: '-X', PAGER: 'false' }),
  { name: 'SQLite with headers in boxes', files: { '.sqliterc': '.headers on\n.mode box\n.timer on\n', '.config/sqlite3/sqliterc': '.headers on\n' }, variables: { SQLITE_HISTORY: '/dev/full', SQLITE_TMPDIR: '/nonexistent' } },
  { name: 'SQLite as CSV that ends', files: { '.sqliterc': `.mode csv\n.print ${greeting}\n.nullvalue NULL\n.bail off\n` } },
  { name: 'Postgres', files: { '.psqlrc': `\\echo ${greeting}\n\\set ON_ERROR_STOP off\n`, '.pg_service.conf': '[x]\nhost=nowhere\n' }, variables: { PGHOST: 'nowhere', PGOPTIONS: '-c statement_timeout=1', PGSERVICE: 'x', PSQLRC: '/dev/full', PSQL_PAGER: 'false', PGPASSFILE: '/dev/full', PGCLIENTENCODING: 'LATIN1' } },
  { name: 'curl', files: { '.curlrc': `fail\nwrite-out = "${greeting}"\nproxy = http://127.0.0.1:9\nmax-time = 0.001\n`, '.netrc': 'default login a password b\n' }, variables: { CURL_HOME: '$HOME', http_proxy: 'http://127.0.0.1:9', https_proxy: 'http://127.0.0.1:9', ALL_PROXY: 'http://127.0.0.1:9', SSL_CERT_FILE: '/dev/null' } },
  { name: 'git', files: { '.gitconfig': '[core]\n\tpager = false\n\thooksPath = ~/hooks\n\tquotePath = false\n[color]\n\tui = always\n[alias]\n\tarchive = !false\n\tstatus = !false\n[log]\n\tshowSignature = true\n' }, variables: { GIT_DIR: '/nonexistent', GIT_WORK_TREE: '/nonexistent', GIT_CONFIG_PARAMETERS: "'color.ui=always'", GIT_TRACE: '1', GIT_PAGER: 'false', GIT_INDEX_FILE: '/nonexistent' } },
  set('Docker', { DOCKER_HOST: 'tcp://127.0.0.1:9', DOCKER_CONTEXT: 'nowhere', DOCKER_CONFIG: '/nonexistent', DOCKER_DEFAULT_PLATFORM: 'plan9/arm', COMPOSE_FILE: '/nonexistent', COMPOSE_PROFILES: 'x', COMPOSE_PROJECT_NAME: 'other', COMPOSE_ENV_FILES: '/nonexistent', BUILDKIT_PROGRESS: 'rawjson' }),
  set('Node', { NODE_OPTIONS: '--require /nonexistent.js', NODE_PATH: '/nonexistent', NODE_DEBUG: 'http', NO_COLOR: '1', FORCE_COLOR: '3' }),
  set('a time zone', { TZ: 'Pacific/Kiritimati' }),
  set('scratch that is not there', { TMPDIR: '/nonexistent', TMP: '/nonexistent', TEMP: '/nonexistent', XDG_RUNTIME_DIR: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent' }),
  set('folders of a tree in PATH', { PATH: `.::./node_modules/.bin:/nonexistent:${process.env['PATH'] ?? ''}` }),
  { name: 'a home with spaces and an umlaut', home: 'a böok  home', files: { '.bashrc': `${echo}\n` } },
  { name: 'zsh that greets and has aliases', shell: 'zsh', files: { '.zshenv': `${echo}\nalias -g cat='cat -n'\nsetopt nounset extendedglob nullglob\nexport LANGUAGE=de\n` } },
  { name: 'fish that greets and has functions', shell: 'fish', files: { '.config/fish/config.fish': `${echo}\nfunction printf; ${echo}; end\nfunction tar; ${echo}; end\nset -x LANGUAGE de\n` } },
  { name: 'tcsh that greets', shell: 'tcsh', files: { '.tcshrc': `${echo}\nsetenv LANGUAGE de\nalias cat 'cat -n'\nset noclobber\n` } },
  { name: 'dash', shell: 'dash', variables: { ENV: '$HOME/env', LANGUAGE: 'de' }, files: { env: `${echo}\n` } },
  {
    name: 'all at once',
    files: { '.bashrc': `${echo}; ${echo} >&2; umask 077; set -o noclobber; trap '' PIPE; exec 8>/dev/null\n`, '.sqliterc': '.headers on\n.mode csv\n', '.curlrc': 'fail\nmax-time = 0.001\n' },
    variables: { LANGUAGE: 'de', TAR_OPTIONS: '--exclude=page', QUOTING_STYLE: 'c', POSIXLY_CORRECT: '1', TZ: 'Asia/Tokyo', GREP_OPTIONS: '-v', ...functions('zstd', 'sed') },
  },
]; // prettier-ignore

/** What the chores gave, by chore: the same wherever they run. */
export type Gave = Record<string, string>;

/** What depends on how many days there were before, and on whether it is by ssh. */
const ofBefore = /^(ID # .* (not )?proven\b|last proven|none was ever|remove ID|. connection)/;

/** Numbers, ids and moments are not the same twice; how often a line comes depends on what was done before. */
const alike = (text: string) => {
  const plain = text
    .replace(/\d{8}T\d{6}Z-\w+/g, 'ID')
    .replace(/bookops-given-\w+/g, 'GIVEN')
    .replace(/\b[0-9a-f]{7,64}\b/g, 'HEX')
    .replace(/\d+(?:\.\d+)?/g, '#')
    .replace(/\b(yesterday|just now|# (seconds?|minutes?|hours?|s|min|h|d)( ago)?)\b/g, 'AGO')
    .replace(/\b(ahead of|behind) this machine/, 'OFF this machine')
    .replace(/ +/g, ' ');
  const lines = plain.split('\n').map(line => line.trim());
  return [...new Set(lines.filter(line => !ofBefore.test(line)))].toSorted().join('\n');
};

/** One day of a host, or the half of it. Asserts what must be so anywhere, and gives what each chore printed. */
export async function chores(book: BackedUp, env: NodeJS.ProcessEnv, half = false): Promise<Gave> {
  const gave: Gave = {};
  const run = async (task: string, words: string[] = [], code = 0) => {
    const end = await book.run(task, words, { env });
    assert.is(end.code, code, `${task} ${words.join(' ')}: ${end.stdout}${end.stderr}`);
    assert.not.match(end.stdout + end.stderr, 'canary');
    gave[[task, ...words.filter(word => /^[a-z-]+$/.test(word))].join(' ')] = alike(end.stdout);
    return end;
  };
  const page = join(book.uploads, 'page');
  const chapters = () => book.sql('SELECT * FROM chapters');
  await run('deploy', ['--sha', book.good2]);
  const was = chapters();
  const { id } = JSON.parse((await run('backup', ['--json'])).stdout);
  if (!half) await run('backups', ['list']);
  await run('drill');
  const given = join(mkdtempSync(join(tmpdir(), 'bookops-given-')), 'to');
  await run('restore', [id, '--to', given]);
  assert.is(readFileSync(join(given, 'files/shared/uploads/page'), 'utf8'), 'a page');
  assert.is(readFileSync(join(given, 'files/shared/uploads/a b/„cover“.txt'), 'utf8'), 'a cover');
  assert.ok(existsSync(join(given, 'database.sqlite')));
  rmSync(dirname(given), { recursive: true });
  if (!half) {
    writeFileSync(page, 'spoilt');
    book.sql('DELETE FROM chapters');
    await run('restore', [id]);
    assert.equal([readFileSync(page, 'utf8'), chapters(), await book.serves()], ['a page', was, book.good2]);
  }
  await run('deploy', ['--sha', book.badMigration], 1);
  assert.equal([chapters(), await book.serves()], [was, book.good2]);
  if (half) return gave;
  await run('status');
  await run('logs', ['--lines', '3']);
  gave['exec'] = (await run('exec', ['--', 'sh', '-c', 'echo "$LANGUAGE $LC_ALL $(umask) $(pwd | grep -c releases) $TZ"'])).stdout;
  await run('doctor');
  await run('backups', ['prune', '--plan']);
  return gave;
} // prettier-ignore

/** Does `work` while the book's host is reached by ssh with these surroundings. */
export async function bySsh(
  book: BackedUp,
  home: Home,
  { files = {}, variables = {}, shell, home: name = 'home' }: Surroundings,
  work: (env: NodeJS.ProcessEnv) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-surroundings-'));
  const away = layOut(join(folder, name), files);
  const own = { SHLVL: '0', ...variables, HOME: away };
  const word = (value: string) => value.replaceAll('$HOME', away).replace(/[\\"]/g, '\\$&');
  const sshd = await startSshd(home.file('id_ed25519.pub'), {
    environment: Object.entries(own)
      .map(([key, value]) => `"${key}=${word(value)}"`)
      .join(' '),
    lines: shell ? [`ForceCommand exec ${shell} -c "$SSH_ORIGINAL_COMMAND"`] : [],
  });
  const ops = join(book.folder, 'ops.yml');
  const before = readFileSync(ops, 'utf8');
  const server = `{ ssh: '${sshd.address}', host_key: '${sshd.keys['ed25519'] ?? ''}', identity: '${home.file('id_ed25519')}' }`;
  writeFileSync(ops, before.replace(/^ {2}here: .*$/m, `  here: ${server}`));
  try {
    await work({});
  } finally {
    writeFileSync(ops, before);
    sshd.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same with the book's host on this machine. */
export async function onThisMachine(
  { files = {}, variables = {}, home: name = 'home' }: Surroundings,
  work: (env: NodeJS.ProcessEnv) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-surroundings-'));
  const away = layOut(join(folder, name), files);
  const own = Object.entries(variables).map(([key, value]) => [key, value.replaceAll('$HOME', away)]);
  // what Node and its loader read of them is the person's own affair: the tasks run in them
  const theirs = Object.fromEntries(
    own.filter(([key = '']) => !/^(NODE_|TMP|TEMP|PATH$|FORCE_COLOR|NO_COLOR)/.test(key)),
  );
  try {
    await work({ SHLVL: '0', ...theirs, HOME: away });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function layOut(folder: string, files: Record<string, string>): string {
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}
