// Rules across the settings of a build: an app without a repo or registry, secrets as arguments, two images of one name.
import { posix } from 'node:path';
import type { Complaints } from '../../yaml/problems.ts';
import type { Settings } from '../schema/file.ts';

const secretName = /secret|passw|token|private_?key|api_?key|credential/i;

/** What would leave the sync without a way, or two things that would be written to one place. */
function upstreamFaults({ build }: Settings, { wrong }: Complaints): void {
  const at = ['build', 'upstream'];
  const { files = {}, ga4, version_file: version, pull_request: pull } = build?.upstream ?? {};
  if (pull?.url !== undefined && !pull.token) wrong([...at, 'pull_request', 'url'], 'needs token');
  if (pull && (pull.branch ?? 'upstream-sync') === pull.base)
    wrong([...at, 'pull_request', 'branch'], 'is the branch that it is to be merged into');
  const taken = new Set(Object.keys(files));
  const made: [string[], string | undefined][] = [
    [['ga4', 'file'], ga4?.file],
    [['version_file'], version],
  ];
  for (const [key, path] of made) {
    if (path === undefined) continue;
    if (taken.has(path)) wrong([...at, ...key], `${path} is written twice`);
    taken.add(path);
  }
}

export function buildFaults(settings: Settings, { wrong, from }: Complaints): void {
  const { build, compose, repo, runtime } = settings;
  if (!build) return;
  upstreamFaults(settings, { wrong, from });
  if (runtime && runtime !== 'compose' && runtime !== 'once')
    wrong(['build'], `is only for the runtimes compose and once (${from('runtime')})`);
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
