// Builds the settings of an app's images from a checked ops.yml.
import { posix } from 'node:path';
import type { Build, ImageSettings, UpstreamSettings } from '../../target/build-settings.ts';
import { given, texts, type Section } from './given.ts';

export function buildImages(
  { registry, images, upstream }: Section<'build'>,
  compose: Section<'compose'> | undefined,
): Build {
  const { server = '', username = '' } = compose?.registry ?? {};
  return {
    // registries refuse the capitals that an owner's name has on GitHub
    registry: (registry ?? `${server}/${username}`).toLowerCase(),
    images: Object.entries(given(images)).map(([name, image]) => imageOf(name, image)),
    ...(upstream && { upstream: upstreamOf(upstream) }),
  };
}

function upstreamOf(written: NonNullable<Section<'build'>['upstream']>): UpstreamSettings {
  const { repository, branch, patches = 'patches', files = {}, ga4, pull_request: pull = {} } = written;
  const folder = (path: string) => posix.normalize(path).replace(/(?<=.)\/$/, '');
  return {
    repository,
    branch,
    patches: folder(patches),
    files: Object.fromEntries(Object.entries(files).map(([to, from]) => [to, folder(from)])),
    ga4,
    versionFile: written.version_file,
    pullRequest: {
      branch: pull.branch ?? 'upstream-sync',
      base: pull.base,
      github: pull.token && { token: pull.token, url: pull.url },
    },
  };
}

function imageOf(name: string, image: NonNullable<Section<'build'>['images']>[string]): ImageSettings {
  const { context = '.', dockerfile = 'Dockerfile', smoke } = image;
  return {
    name,
    context: posix.normalize(context).replace(/(?<=.)\/$/, ''),
    dockerfile: posix.join(context, dockerfile),
    target: image.target,
    platforms: image.platforms ?? [],
    args: texts(image.args ?? {}),
    secrets: image.secrets ?? {},
    cacheFrom: image.cache_from ?? [],
    cacheTo: image.cache_to ?? [],
    provenance: image.provenance,
    smoke: smoke && {
      port: smoke.port,
      path: smoke.path ?? '/',
      status: smoke.status ?? 200,
      json: smoke.json ?? {},
      env: texts(smoke.env ?? {}),
      seconds: smoke.seconds ?? 60,
    },
  };
}
