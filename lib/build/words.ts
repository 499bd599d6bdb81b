// The words of `docker buildx build` and `docker run` for one image: labels, arguments, secrets by reference.
import { join } from 'node:path';
import type { Build, ImageSettings, Smoke } from '../target/build-settings.ts';
import { sha7 } from '../release/release.ts';

export type Commit = {
  sha: string;
  /** `2026-11-20T12:00:00Z` */
  created: string;
  /** The page of the repository. */
  source: string | undefined;
  /** Whose tree is built in its place; its commit, and the hash of what was patched there. */
  upstream?: { repository: string; commit: string; patches: string };
};

/** `ghcr.io/heldpascal/arsvent-backend:<sha>` */
export function imageReference({ registry }: Build, { name }: ImageSettings, { sha }: Commit): string {
  return `${registry}/${name}:${sha}`;
}

export const revisionLabel = 'org.opencontainers.image.revision';

export function labelsOf({ sha, created, source, upstream }: Commit): Record<string, string> {
  return {
    [revisionLabel]: sha,
    'org.opencontainers.image.created': created,
    ...(source !== undefined && { 'org.opencontainers.image.source': source }),
    ...(upstream && {
      'bookops.upstream.repository': upstream.repository,
      'bookops.upstream.commit': upstream.commit,
      'bookops.patches.sha256': upstream.patches,
    }),
  };
}

/** What a Dockerfile gets when it has an ARG of that name: the fields of version.json, and the name that Rails apps use. */
function known({ sha, created, upstream }: Commit): Record<string, string> {
  return {
    IMAGE_TAG: sha,
    COMMIT_SHA: sha,
    GIT_REVISION: sha,
    DIRTY: 'false',
    BUILT_AT: created,
    ...(upstream && { UPSTREAM_COMMIT: upstream.commit, PATCHES_SHA256: upstream.patches }),
  };
}

/** Build arguments: those of ops.yml, and the known ones that the Dockerfile declares. */
export function argumentsOf({ args }: ImageSettings, commit: Commit, dockerfile: string): Record<string, string> {
  const declared = declaredArguments(dockerfile);
  const filled = (text: string) =>
    text.replaceAll('{sha7}', sha7(commit.sha)).replaceAll('{sha}', commit.sha).replaceAll('{created}', commit.created);
  return {
    ...Object.fromEntries(Object.entries(known(commit)).filter(([name]) => declared.has(name))),
    ...Object.fromEntries(Object.entries(args).map(([name, text]) => [name, filled(text)])),
  };
}

/** Names behind ARG, of all stages. */
function declaredArguments(dockerfile: string): Set<string> {
  const lines = dockerfile.replaceAll(/\\\r?\n/g, ' ').matchAll(/^[ \t]*ARG[ \t]+(.+)$/gim);
  return new Set(
    [...lines].flatMap(([, rest = '']) =>
      rest
        .trim()
        .split(/\s+/)
        .map(word => word.replace(/=.*/, '')),
    ),
  );
}

/** The variable in which buildx finds a secret of the image. */
export function secretVariable(index: number): string {
  return `BOOKOPS_BUILD_SECRET_${index}`;
}

export type Way = {
  /** The folder with the commit's files. */
  folder: string;
  /** The text of the Dockerfile. */
  dockerfile: string;
  reference: string;
  /** Into the engine of this machine, or straight into the registry. */
  to: { engine: string } | { registry: true; metadataFile: string };
};

/** The words after `docker`. No value of a secret is among them. */
export function buildWords(image: ImageSettings, commit: Commit, way: Way): string[] {
  const { folder, dockerfile, reference, to } = way;
  const pairs = (flag: string, values: Record<string, string>) =>
    Object.entries(values).flatMap(([name, value]) => [flag, `${name}=${value}`]);
  const inEngine = 'engine' in to;
  // an image that is tried out is of one platform; a cache is written by the last build only
  const own = inEngine && (isNative(image, to.engine) ? to.engine : image.platforms[0]);
  const platforms = image.platforms.length && own ? [own] : image.platforms;
  return [
    'buildx',
    'build',
    '--progress=plain',
    `--file=${join(folder, image.dockerfile)}`,
    `--tag=${reference}`,
    ...pairs('--label', labelsOf(commit)),
    ...pairs('--build-arg', argumentsOf(image, commit, dockerfile)),
    ...Object.keys(image.secrets).flatMap((id, index) => ['--secret', `id=${id},env=${secretVariable(index)}`]),
    ...(image.target === undefined ? [] : ['--target', image.target]),
    ...(platforms.length ? ['--platform', platforms.join(',')] : []),
    ...image.cacheFrom.flatMap(from => ['--cache-from', from]),
    ...(inEngine && isPushedByBuilder(image) ? [] : image.cacheTo.flatMap(where => ['--cache-to', where])),
    inEngine || !image.provenance ? '--provenance=false' : `--provenance=mode=${image.provenance}`,
    ...(inEngine ? ['--load'] : ['--push', '--metadata-file', to.metadataFile]),
    join(folder, image.context),
  ];
}

/** Whether an engine of that platform can start it. */
export function isNative({ platforms }: ImageSettings, engine: string): boolean {
  return !platforms.length || platforms.includes(engine);
}

/** An engine without an image store of several platforms can neither hold nor push those, nor attestations. */
export function isPushedByBuilder({ platforms, provenance }: ImageSettings): boolean {
  return platforms.length > 1 || provenance !== undefined;
}

/** The label of containers that try an image out; its value is when they may be removed by anybody, in seconds since 1970. */
export const smokeLabel = 'bookops.smoke-test-until';

export function smokeWords(image: string, smoke: Smoke, { name, until }: { name: string; until: number }): string[] {
  return [
    'run',
    '--detach',
    '--pull=never',
    `--name=${name}`,
    `--label=${smokeLabel}=${until}`,
    ...Object.entries(smoke.env).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
    // no port of ours: whatever is free
    ...(smoke.port === undefined ? [] : ['--publish', `127.0.0.1::${smoke.port}`]),
    image,
  ];
}
