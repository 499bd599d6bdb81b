// What another tool put live with Compose: which file, variables and folder describe exactly the containers that run.
import { posix } from 'node:path';
import type { Container, DockerHost } from './docker-state.ts';
import type { Model, Service } from './model.ts';

/** What a release was made from. `before` is an environment file on the host whose variables win over those of ops.yml. */
export type Origin = { files: string[]; folder: string; before: string | undefined };

/** An origin that fits what runs, and the services that it has containers of. */
export type TakeOver = Origin & { services: string[] };

/** The containers of a project that a deploy replaces. */
export function replaced({ containers }: DockerHost, project: string, accessories: readonly string[]): Container[] {
  return containers.filter(one => one.project === project && !one.once && !accessories.includes(one.service));
}

/** In what a description differs from the containers that run; never a value, as it may be a secret. Empty: it describes them. */
export function differences(model: Model, running: readonly Container[], images: Map<string, string[]>): string[] {
  return running.flatMap(one => {
    const service = model.services.find(other => other.name === one.service);
    if (!service) return [`${one.service}: the file has no such service`];
    return differencesOf(service, one, images.get(one.imageId)).map(what => `${one.service}: ${what}`);
  });
}

function differencesOf(service: Service, one: Container, image: string[] | undefined): string[] {
  const found: string[] = [];
  if (service.image === undefined) {
    if (!new RegExp(`^${one.project}[-_]${one.service}(:latest)?$|^sha256:`).test(one.image)) found.push('image');
  } else if (service.image !== one.image) found.push(`image (${one.image} runs, ${service.image} is described)`);

  const runs = new Map(
    one.environment.map(pair => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
  const inImage = new Set(image ?? []);
  for (const [key, value] of service.environment)
    if (value !== undefined && runs.get(key) !== value) found.push(`the variable ${key}`);
  if (image)
    for (const [key, value] of runs)
      if (!service.environment.has(key) && !inImage.has(`${key}=${value}`)) found.push(`the variable ${key}`);

  const published = (list: { ip: string; port: string; target: string }[]) =>
    list
      .map(({ ip, port, target }) => `${ip}:${port}:${target}`)
      .sort()
      .join(' ');
  const described = service.published.map(({ ip, ports, target, protocol }) => ({
    ip,
    port: ports,
    target: `${target}/${protocol}`,
  }));
  if (published(described) !== published(one.published.filter(port => port.port && port.port !== '0')))
    found.push('ports');

  for (const { kind, source, target, readOnly } of service.mounts)
    if (
      !one.mounts.some(
        mount =>
          mount.kind === kind &&
          path(mount.source) === path(source) &&
          mount.target === path(target) &&
          mount.readOnly === readOnly,
      )
    )
      found.push(`the volume at ${target}`);
  for (const mount of one.mounts)
    if (
      mount.kind === 'volume' &&
      !/^[0-9a-f]{64}$/.test(mount.source) &&
      !service.mounts.some(other => path(other.target) === mount.target)
    )
      found.push(`the volume at ${mount.target}`);
  if (service.command && JSON.stringify(service.command) !== JSON.stringify(one.command)) found.push('command');
  return found;
}

function path(text: string): string {
  return posix.normalize(text).replace(/(.)\/$/, '$1');
}
