// Rules across the settings of a build: an app without a repo or registry, secrets as arguments, two images of one name.
import { posix } from 'node:path';
import type { Complaints } from '../../yaml/problems.ts';
import type { Settings } from '../schema/file.ts';

const secretName = /secret|passw|token|private_?key|api_?key|credential/i;

export function buildFaults(settings: Settings, { wrong, from }: Complaints): void {
  const { build, compose, repo, runtime } = settings;
  if (!build) return;
  if (runtime && runtime !== 'compose') wrong(['build'], `is only for runtime compose (${from('runtime')})`);
  if (!repo) wrong(['build'], 'needs repo: images are built from a commit of it');
  if (build.registry === undefined && !(compose?.registry?.server && compose.registry.username))
    wrong(['build'], 'needs registry, where images are pushed to: a server and an owner, such as ghcr.io/heldpascal');
  if (build.images && !Object.keys(build.images).length)
    wrong(['build', 'images'], 'is empty: leave it out for one image with the name of the app');
  for (const [name, image] of Object.entries(build.images ?? {})) {
    const at = ['build', 'images', name];
    for (const key of Object.keys(image.args ?? {}))
      // rails assets:precompile takes SECRET_KEY_BASE_DUMMY=1
      if (secretName.test(key) && !key.endsWith('_DUMMY'))
        wrong(
          [...at, 'args', key],
          'would be readable by anybody who has the image (docker history): make it one of secrets, and RUN --mount=type=secret in the Dockerfile',
        );
    if (posix.normalize(posix.join(image.context ?? '.', image.dockerfile ?? 'Dockerfile')).startsWith('..'))
      wrong([...at, 'dockerfile'], 'leads out of the commit');
    const { smoke, platforms = [] } = image;
    for (const part of ['path', 'status', 'json'] as const)
      if (smoke?.[part] !== undefined && smoke.port === undefined)
        wrong([...at, 'smoke', part], 'needs port: which port of the container is asked?');
    for (const [index, platform] of platforms.entries())
      if (platforms.indexOf(platform) < index) wrong([...at, 'platforms', index], `${platform} is named twice`);
  }
}
