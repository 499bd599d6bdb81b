// The Docker engine that carries the droplets: found running or installed and started, shared by all test processes, stopped by the last.
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Answer } from '../../../lib/host/host.ts';
import { apt, install, missing } from '../../programs.ts';
import { answer, bash, output, until, type More } from './program.ts';

export type Engine = {
  /** Runs a docker command that must succeed and returns its standard output. */
  docker(args: string[], more?: More): Promise<string>;
  /** The same, for commands that may fail. */
  tryDocker(args: string[], more?: More): Promise<Answer>;
  /** The network of the droplets; its gateway is this machine as they see it. */
  network: { name: string; prefix: string; gateway: string };
  /** The mark that tells the containers of this process from those of others. */
  owner: string;
  /** The folder of this process, removed at its end. */
  scratch: string;
  /** The folder whose config.json holds the registry logins of this process. */
  dockerConfig: string;
  /** Frees the engine: what this process made is removed, and the engine stopped when we started it and nobody else uses it. */
  close(): void;
};

export const cache = process.env.BOOKOPS_TEST_CACHE || '/var/tmp/bookops-test';
/** Debian 13's docker client and plugins, unpacked and not installed. */
export const tools = join(cache, 'tools');
export const plugins = join(tools, 'usr/libexec/docker/cli-plugins');
const client = join(tools, 'usr/bin/docker');
const start = () => readFileSync('/proc/self/stat', 'utf8').replace(/.*\) /s, '').split(' ')[19];
const owner = `${hostname()}_${process.pid}_${start()}`;
let engine: Promise<Engine> | undefined;

/** The engine, made ready once per process. @throws Error that says what is missing and how to add it. */
export function ensureEngine(): Promise<Engine> {
  engine ??= ready();
  return engine;
}

/** What keeps this machine from carrying droplets, with the way out; undefined when nothing does. */
export function obstacle(): string | undefined {
  if (process.platform !== 'linux')
    return 'droplets need Linux: run the tests in a Debian 12 machine, or let CI run them';
  if (process.getuid?.() !== 0) return 'droplets need root to build their image: run `sudo make test`';
  if (!existsSync('/usr/bin/apt-get'))
    return 'droplets are built from Debian packages: run the tests on Debian 12 or Ubuntu, or let CI run them';
  return undefined;
}

/** One process at a time for what `name` stands for; the kernel frees the lock with the process that holds it. */
export async function alone<Result>(work: () => Promise<Result>, name = 'lock'): Promise<Result> {
  mkdirSync(cache, { recursive: true });
  const lock = spawn('flock', [join(cache, name), 'sh', '-c', 'echo locked; cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise(resolve => lock.on('close', resolve));
  await new Promise<void>((resolve, reject) => {
    lock.stdout.once('data', () => resolve());
    lock.on('error', reject);
    lock.on('exit', () => reject(new Error(`the lock ${cache}/${name} could not be taken`)));
  });
  try {
    return await work();
  } finally {
    lock.stdin.end();
    await ended;
  }
}

export function tell(text: string): void {
  console.error(`  droplets: ${text}`);
}

async function ready(): Promise<Engine> {
  const trouble = obstacle();
  if (trouble) throw new Error(trouble);
  const scratch = join(cache, 'scratch', owner);
  const dockerConfig = join(scratch, 'docker');
  mkdirSync(dockerConfig, { recursive: true, mode: 0o700 });
  writeFileSync(join(dockerConfig, 'config.json'), '{}');
  symlinkSync(plugins, join(dockerConfig, 'cli-plugins'));
  mkdirSync(join(cache, 'users'), { recursive: true });
  process.once('exit', () => leave(scratch));
  // Without a listener these signals end the process without an exit event, and containers would stay behind.
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)
    process.once(signal, () => process.exit(code));

  const tryDocker = (args: string[], more?: More) => answer(client, ['--config', dockerConfig, ...args], more);
  const docker = (args: string[], more?: More) => output(client, ['--config', dockerConfig, ...args], more);
  return alone(async () => {
    writeFileSync(join(cache, 'users', owner), '');
    await installPrograms();
    await unpackClient();
    if ((await tryDocker(['version'])).code !== 0) await startEngine(tryDocker);
    await removeStale(docker);
    const network = await ensureNetwork(docker, tryDocker);
    return { docker, tryDocker, network, owner, scratch, dockerConfig, close: () => leave(scratch) };
  });
}

const programs = {
  dockerd: 'docker.io',
  'docker-registry': 'docker-registry',
  debootstrap: 'debootstrap',
  iptables: 'iptables',
  ssh: 'openssh-client',
  git: 'git',
  sqlite3: 'sqlite3',
  curl: 'curl',
  zstd: 'zstd',
  perl: 'perl',
};
async function installPrograms(): Promise<void> {
  const engineAnswers =
    existsSync('/var/run/docker.sock') && existsSync(client) && (await answer(client, ['version'])).code === 0;
  const packages = missing(programs).filter(name => !(name === 'docker.io' && engineAnswers));
  // debootstrap on Ubuntu needs Debian's keys.
  if (!existsSync('/usr/share/keyrings/debian-archive-keyring.gpg')) packages.push('debian-archive-keyring');
  await install(packages);
}

/** Where this machine gets Debian from; on Ubuntu the address that debootstrap knows. */
export function mirror(): Promise<string> {
  return bash(`
    . /etc/os-release
    if [ "$ID" = debian ]; then
      found=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
        sed -nE 's/^URIs:[[:space:]]*([^[:space:]]*debian)\\/?([[:space:]].*)?$/\\1/p; s/^deb (\\[.*\\] )?([^[:space:]]*debian)\\/? .*/\\2/p' | head -n 1)
    fi
    [ -n "\${found:-}" ] || found=$(sed -nE 's/^ *default_mirror +([^ ]+).*/\\1/p' /usr/share/debootstrap/scripts/sid | head -n 1)
    printf %s "$found"`);
}

async function unpackClient(): Promise<void> {
  if (existsSync(client) && existsSync(join(plugins, 'docker-compose'))) return;
  tell("fetching docker's client and Compose from Debian 13's packages");
  const lists = join(cache, 'apt');
  await bash(
    `
    rm -rf '${lists}' '${tools}.new' && mkdir -p '${lists}/lists/partial' '${lists}/debs' '${tools}.new'
    echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${await mirror()} trixie main' > '${lists}/sources.list'
    cd '${lists}/debs'
    private="-o Dir::Etc::sourcelist=${lists}/sources.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=${lists}/lists"
    private="$private -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root"
    ${apt} $private update -qq
    ${apt} $private download -qq docker-compose docker-cli docker-buildx
    for deb in *.deb; do dpkg -x "$deb" '${tools}.new'; done
    rm -rf '${tools}' '${lists}' && mv '${tools}.new' '${tools}'`,
    { seconds: 900 },
  );
}

const pidFile = join(cache, 'dockerd.pid');

async function startEngine(tryDocker: (args: string[]) => Promise<Answer>): Promise<void> {
  const log = join(cache, 'dockerd.log');
  const file = openSync(log, 'w');
  const flags = ['--data-root', join(cache, 'engine'), '--pidfile', pidFile, '--exec-root', '/run/bookops-docker'];
  const dockerd = spawn('/usr/sbin/dockerd', flags, { detached: true, stdio: ['ignore', file, file] });
  const ended = new Promise<never>((_, reject) =>
    dockerd.on('exit', code => reject(new Error(`it ended with ${code}`))),
  );
  dockerd.unref();
  const answers = until('the Docker engine answers', 40, async () =>
    (await tryDocker(['version'])).code === 0 ? true : undefined,
  );
  try {
    await Promise.race([answers, ended]);
  } catch (error) {
    const last = readFileSync(log, 'utf8').trim().split('\n').slice(-8).join('\n');
    throw new Error(`dockerd does not start here: ${String(error)}\n${last}`);
  }
}

/** Removes the containers, volumes and folders whose test process is gone: it was killed before it could clean up. */
async function removeStale(docker: Engine['docker']): Promise<void> {
  const filter = ['--filter', 'label=bookops.owner', '--format'];
  const stale = (list: string) =>
    list
      .split('\n')
      .map(line => line.split(' '))
      .filter(([, whose]) => whose && !alive(whose))
      .map(([name]) => name ?? '');
  const containers = stale(await docker(['ps', '-a', ...filter, '{{.ID}} {{.Label "bookops.owner"}}']));
  if (containers.length) await docker(['rm', '-f', '-v', ...containers]);
  const volumes = stale(await docker(['volume', 'ls', ...filter, '{{.Name}} {{.Label "bookops.owner"}}']));
  if (volumes.length) await docker(['volume', 'rm', '-f', ...volumes]);
  for (const whose of readdirSync(join(cache, 'scratch')))
    if (!alive(whose)) rmSync(join(cache, 'scratch', whose), { recursive: true, force: true });
}

function alive(whose: string): boolean {
  const [where, pid, began] = whose.split('_');
  if (where !== hostname()) return true;
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ')[19] === began;
  } catch {
    return false;
  }
}

/** A network with known addresses, so that a droplet keeps its own after a power cut or a disconnection. */
async function ensureNetwork(docker: Engine['docker'], tryDocker: Engine['tryDocker']): Promise<Engine['network']> {
  const name = 'bookops-test';
  const prefixes = ['10.213.77', '10.214.77', '172.29.77', '192.168.213'];
  const first = prefixes[0] ?? '';
  const inspect = () => tryDocker(['network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', name]);
  let said = await inspect();
  for (const prefix of prefixes) {
    if (said.code === 0) break;
    await tryDocker(['network', 'create', '--subnet', `${prefix}.0/24`, '--gateway', `${prefix}.1`, name]);
    said = await inspect();
  }
  if (said.code !== 0) await docker(['network', 'create', '--subnet', `${first}.0/24`, name]); // throws with docker's reason
  const gateway = said.stdout.trim();
  return { name, gateway, prefix: gateway.replace(/\.\d+$/, '') };
}

/** Runs while the process ends, so nothing here may wait for the event loop. */
function leave(scratch: string): void {
  const docker = `'${client}' --config '${scratch}/docker'`;
  spawnSync('flock', [
    join(cache, 'lock'),
    'sh',
    '-c',
    `
    rm -f '${cache}/users/${owner}'
    [ -S /var/run/docker.sock ] && [ -x '${client}' ] && {
      mine=$(${docker} ps -aq --filter label=bookops.owner=${owner})
      [ -z "$mine" ] || ${docker} rm -f -v $mine >/dev/null 2>&1
      mine=$(${docker} volume ls -q --filter label=bookops.owner=${owner})
      [ -z "$mine" ] || ${docker} volume rm -f $mine >/dev/null 2>&1
    }
    for user in '${cache}'/users/*_*; do
      [ -e "$user" ] || continue
      rest=\${user##*/}; rest=\${rest#*_}; pid=\${rest%%_*}; began=\${rest#*_}
      [ "$(sed 's/.*) //' /proc/$pid/stat 2>/dev/null | cut -d' ' -f20)" = "$began" ] && exit 0
      rm -f "$user"
    done
    # The pid file exists only for an engine that we started.
    pid=$(cat '${pidFile}' 2>/dev/null) || exit 0
    kill -TERM "$pid" 2>/dev/null || exit 0
    # A process that ended stays a zombie (Z) while its parent, this very process, waits here.
    for _ in $(seq 100); do
      case "$(sed 's/.*) //' /proc/$pid/stat 2>/dev/null)" in Z*|'') exit 0 ;; esac
      sleep 0.1
    done`,
  ]);
  rmSync(scratch, { recursive: true, force: true });
}
