// A registry with a password, on this machine, for the images that droplets pull.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { alone, cache, ensureEngine, type Engine } from './engine.ts';
import { ensureImages } from './image.ts';
import { bash, until } from './program.ts';

export type Registry = {
  /** `10.…:5055`: how droplets reach it, as in `image: 10.…:5055/arsvent:<tag>`. */
  server: string;
  username: string;
  password: string;
  /** Builds `contextDir` (a Dockerfile FROM bookops-node-base that only copies), pushes it, and returns its digest, `sha256:…`. */
  pushImage(name: string, tag: string, contextDir: string): Promise<string>;
  /** Pushes an image of this machine's engine and returns the name under which droplets pull it. */
  pushTagged(image: string): Promise<string>;
  /** The registry is down: connections are refused. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** How many requests it was sent whose line in its access log matches, such as /"GET .*manifests/; refused ones count. */
  requests(pattern: RegExp): number;
  close(): Promise<void>;
};

/** Starts a registry of this process. Layers stay in the cache between runs; tags do not. */
export async function startRegistry(): Promise<Registry> {
  const engine = await ensureEngine();
  await ensureImages();
  // two test files at once must not find the same port free
  return alone(() => startAt(engine), 'registry.lock');
}

async function startAt(engine: Engine): Promise<Registry> {
  const username = 'reader';
  const password = `pw-${process.pid}-${Date.now().toString(36)}`;
  const port = await freePort();
  const folder = join(engine.scratch, `registry-${port}`);
  const storage = join(cache, 'registry', String(port));
  mkdirSync(folder, { recursive: true });
  mkdirSync(storage, { recursive: true });
  writeFileSync(ownerOf(port), String(process.pid));
  await bash(
    `rm -rf '${storage}'/docker/registry/v2/repositories/*/_manifests '${storage}'/docker/registry/v2/repositories/*/_uploads`,
  );
  // crypt() of Debian and Ubuntu knows bcrypt, the only hash that the registry takes.
  await bash(
    `perl -e 'print "$ARGV[0]:", crypt($ARGV[1], q($2y$05$bookopsbookopsbookopsu)), "\\n"' ${username} ${password} > '${folder}/htpasswd'`,
  );
  writeFileSync(
    join(folder, 'config.yml'),
    `version: 0.1
log: { level: info, accesslog: { disabled: false } }
storage: { filesystem: { rootdirectory: '${storage}' }, delete: { enabled: true } }
http: { addr: '0.0.0.0:${port}' }
auth: { htpasswd: { realm: bookops, path: '${folder}/htpasswd' } }
`,
  );
  const log = join(folder, 'log');
  writeFileSync(log, '');

  // docker itself treats 127.0.0.1 as a place that needs no TLS, so any engine can push here.
  const here = `127.0.0.1:${port}`;
  const config = join(engine.dockerConfig, 'config.json');
  const known = JSON.parse(readFileSync(config, 'utf8')).auths ?? {};
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  writeFileSync(config, JSON.stringify({ auths: { ...known, [here]: { auth } } }));

  let running: ChildProcess | undefined;
  const start = async () => {
    if (running) return;
    // The kernel ends it with this process, however that ends.
    const child = spawn(
      'bash',
      ['-c', 'exec setpriv --pdeathsig KILL docker-registry serve "$0" >>"$1" 2>&1', join(folder, 'config.yml'), log],
      { stdio: 'ignore' },
    );
    child.unref();
    running = child;
    await until('the registry answers', 15, async () => {
      if (child.exitCode !== null) throw new Error(`docker-registry ended:\n${readFileSync(log, 'utf8').slice(-2000)}`);
      return (await reachable(port)) ? true : undefined;
    });
  };
  const stop = async () => {
    const child = running;
    if (!child) return;
    running = undefined;
    const ended = new Promise(resolve => child.once('exit', resolve));
    child.ref();
    child.kill('SIGKILL');
    await ended;
  };
  await start();

  return {
    server: `${engine.network.gateway}:${port}`,
    username,
    password,
    pushImage(name, tag, contextDir) {
      const image = `${here}/${name}:${tag}`;
      return pushing(async () => {
        await engine.docker(['build', '-q', '-t', image, contextDir]);
        const said = await engine.docker(['push', image]);
        await engine.tryDocker(['rmi', image]);
        const digest = said.match(/digest: (sha256:[0-9a-f]{64})/)?.[1];
        if (!digest) throw new Error(`the push of ${image} named no digest:\n${said}`);
        return digest;
      });
    },
    pushTagged(image) {
      return pushing(async () => {
        await engine.docker(['tag', image, `${here}/${image}`]);
        await engine.docker(['push', '-q', `${here}/${image}`]);
        await engine.tryDocker(['rmi', `${here}/${image}`]);
        return `${engine.network.gateway}:${port}/${image}`;
      });
    },
    start,
    stop,
    requests: pattern =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter(line => !line.startsWith('time=') && pattern.test(line)).length,
    async close() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The same content is the same image to the engine: who has pushed it and takes it away takes it from others who push it. */
function pushing<Result>(work: () => Promise<Result>): Promise<Result> {
  return alone(work, 'push.lock');
}

/** Who has a port, also while its registry is stopped for a test. */
const ownerOf = (port: number) => join(cache, 'registry', `${port}.owner`);

async function freePort(): Promise<number> {
  for (let port = 5055; port < 5075; port++) {
    const file = ownerOf(port);
    const owner = existsSync(file) ? Number(readFileSync(file, 'utf8')) : process.pid;
    if (owner !== process.pid && existsSync(`/proc/${owner}`)) continue;
    const free = await new Promise<boolean>(resolve => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error('no port between 5055 and 5074 is free for a registry');
}

function reachable(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
