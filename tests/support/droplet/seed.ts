// What a droplet's own Docker holds from the start: the Node base and redis, as a server that pulled them once.
import { randomBytes } from 'node:crypto';
import { alone, ensureEngine, tell, type Engine } from './engine.ts';
import { ensureImages, type Images } from './image.ts';
import { machine } from './machine.ts';
import { until } from './program.ts';
import { startRegistry } from './registry.ts';

let seeded: Promise<string> | undefined;

/** A new volume for /var/lib/docker of one droplet, filled from the seed. */
export async function seededVolume(): Promise<string> {
  const engine = await ensureEngine();
  const images = await ensureImages();
  seeded ??= makeSeed(engine, images);
  const seed = await seeded;
  const volume = `bookops-docker-${process.pid}-${randomBytes(4).toString('hex')}`;
  const owner = `bookops.owner=${engine.owner}`;
  const copy = `run --rm --network none --label ${owner} -v ${seed}:/from:ro -v ${volume}:/to ${images.droplet} cp -a /from/. /to/`;
  await engine.docker(['volume', 'create', '--label', owner, volume]);
  await engine.docker(copy.split(' '));
  return volume;
}

/** Pulled rather than loaded: only then does Docker recognise the base of an image that it pulls later, and skip it. */
function makeSeed(engine: Engine, images: Images): Promise<string> {
  const seed = `bookops-seed-${images.droplet.split(':')[1]}`;
  return alone(async () => {
    // A volume of this name says that the other one was filled to the end.
    if ((await engine.tryDocker(['volume', 'inspect', `${seed}-ready`])).code === 0) return seed;
    tell('filling the Docker of a server with the base images, once');
    const outdated = await engine.docker(['volume', 'ls', '-q', '--filter', 'name=bookops-seed-']);
    if (outdated) await engine.tryDocker(['volume', 'rm', '-f', ...outdated.split('\n')]);
    const registry = await startRegistry();
    const container = `bookops-seed-${process.pid}`;
    const named = `run -d --name ${container} --label bookops.owner=${engine.owner} --network ${engine.network.name}`;
    await engine.docker([...`${named} -v ${seed}:/var/lib/docker`.split(' '), ...machine, images.droplet]);
    const inside = (script: string) => engine.tryDocker(['exec', '-i', container, 'bash', '-s'], { input: script });
    await until("the droplet's own Docker answers", 60, async () =>
      (await inside('docker version')).code === 0 ? true : undefined,
    );
    for (const [image, name] of [
      [images.nodeBase, 'bookops-node-base:latest'],
      [images.redis, 'redis:7-alpine'],
    ] as const) {
      const pulled = await registry.pushTagged(image);
      const said = await inside(`set -e
        docker login -u ${registry.username} --password-stdin ${registry.server} 2>&1 <<< '${registry.password}'
        docker pull -q ${pulled} && docker tag ${pulled} ${name} && docker rmi ${pulled}; rm -rf /root/.docker`);
      if (said.code !== 0) throw new Error(`the droplet cannot pull ${pulled}:\n${said.stdout}${said.stderr}`);
    }
    await inside('systemctl stop docker.socket docker containerd');
    await engine.docker(['rm', '-f', '-v', container]);
    await registry.close();
    await engine.docker(['volume', 'create', `${seed}-ready`]);
    return seed;
  });
}
