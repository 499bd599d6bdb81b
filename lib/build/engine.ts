// Whether images can be built on this machine, and what docker and its builder mean when they cannot.
import { Failure } from '../errors.ts';
import type { ImageSettings } from '../target/build-settings.ts';
import type { Docker, DockerAnswer } from './programs.ts';
import { isPushedByBuilder } from './words.ts';

/** @returns the platform of its engine, `linux/amd64`. @throws Failure 1 that says what to install, start or allow */
export async function verifyBuilder(docker: Docker): Promise<string> {
  const buildx = await docker(['buildx', 'version']);
  if (buildx.code !== 0)
    throw new Failure(1, 'docker has no buildx on this machine, and images are built with it', {
      detail: buildx.lines.slice(-3).join('\n'),
      advice:
        'sudo apt-get install docker-buildx (Debian 13, Ubuntu) or docker-buildx-plugin (Docker’s own packages); Debian 12 has none',
    });
  const engine = await docker(['version', '--format', '{{.Server.Os}}/{{.Server.Arch}}']);
  if (engine.code === 0) return engine.stdout.trim();
  const said = engine.lines.join('\n');
  throw new Failure(1, 'the Docker engine cannot be reached from this machine', {
    detail: engine.lines.slice(-3).join('\n'),
    advice: /permission denied/i.test(said)
      ? 'sudo usermod -aG docker $USER, then log in again'
      : 'sudo systemctl start docker, or start Docker Desktop; docker context ls says which engine is meant',
  });
}

const anotherBuilder =
  'docker buildx create --use --driver docker-container, or leave it out of ops.yml; Docker 29 and Docker Desktop can do it by themselves (containerd image store)';

/** Told before minutes of building. @throws Failure 1 when the builder can make neither several platforms nor attestations */
export async function verifyAttests(docker: Docker, images: readonly ImageSettings[]): Promise<void> {
  const wants = images.find(isPushedByBuilder);
  if (!wants) return;
  const { stdout } = await docker(['buildx', 'inspect']);
  if (!/^Driver:\s+docker$/m.test(stdout)) return;
  const store = await docker(['info', '--format', '{{json .DriverStatus}}']);
  if (store.stdout.includes('io.containerd.snapshotter')) return;
  const what = wants.provenance ? 'provenance' : 'several platforms';
  throw new Failure(1, `the builder on this machine cannot do ${what}, which ${wants.name} has in ops.yml`, {
    advice: anotherBuilder,
  });
}

/**
 * What an engine calls the image with that name: the digest of its configuration, or that of its manifest where it keeps images
 * in containerd. The --iidfile of buildx has the first in both cases, and those engines know no image by it.
 */
export async function imageId(docker: Docker, reference: string): Promise<string> {
  const { code, stdout, lines } = await docker(['image', 'inspect', '--format', '{{.Id}}', reference]);
  if (code === 0) return stdout.trim();
  throw new Failure(1, `the engine does not have ${reference}, which was just built`, {
    detail: lines.slice(-3).join('\n'),
    advice: 'is the builder another one than the engine’s? docker buildx ls',
  });
}

/** Why buildx failed, by what it printed. */
export function buildFailure(name: string, { lines }: DockerAnswer): Failure {
  const said = lines.join('\n');
  // the last words of BuildKit repeat the command and its output
  const detail = lines.slice(-18).join('\n');
  const known: [RegExp, string][] = [
    [
      /attestation is not supported|multi-?platform build is not supported|Multiple platforms feature is currently not supported/i,
      anotherBuilder,
    ],
    [
      /exec format error/i,
      'the image is for another processor than the builder’s: sudo apt-get install qemu-user-static binfmt-support, or build on such a machine',
    ],
    [
      /no space left on device/i,
      'docker system df says what fills the disk, docker builder prune frees what builds left',
    ],
    [
      /secret \S+: not found|secret not found/i,
      'the Dockerfile mounts a secret that ops.yml does not have: add it to secrets of that image',
    ],
    [/cache export (feature )?is (currently )?not supported|Cache export is not supported/i, 'cache_to needs another builder: docker buildx create --use --driver docker-container'], // prettier-ignore
    [
      /401 Unauthorized|pull access denied|no basic auth credentials/i,
      'docker login the registry of the image in FROM',
    ],
  ];
  const advice = known.find(([form]) => form.test(said))?.[1];
  return new Failure(1, `${name} cannot be built, so nothing was pushed`, { detail, advice });
}
