// Whether images can be built on this machine, and what docker and its builder mean when they cannot.
import { Failure } from '../errors.ts';
import type { Docker, DockerAnswer } from './programs.ts';

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

/** Why buildx failed, by what it printed. */
export function buildFailure(name: string, { lines }: DockerAnswer): Failure {
  const said = lines.join('\n');
  // the last words of BuildKit repeat the command and its output
  const detail = lines.slice(-18).join('\n');
  const known: [RegExp, string][] = [
    [
      /attestation is not supported|multi-?platform build is not supported|Multiple platforms feature is currently not supported/i,
      'this builder can do neither several platforms nor provenance: docker buildx create --use --driver docker-container, or leave them out of ops.yml',
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
