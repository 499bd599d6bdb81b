// The contents of a compose file, as `docker compose config --format json` prints it: the only reader of compose files.
import { Failure } from '../../errors.ts';
import { isRecord } from '../../record.ts';

/** A bind: `source` is a path on the host. A volume: `source` is its name there. Volumes without a name are left out. */
export type Mount = { kind: 'bind' | 'volume'; source: string; target: string; readOnly: boolean };

/** `ip` is empty for all addresses; `ports` is `8000`, or `8000-8010` for any one of them. */
export type Published = { ip: string; ports: string; target: number; protocol: string };

export type Service = {
  name: string;
  image: string | undefined;
  containerName: string | undefined;
  published: Published[];
  mounts: Mount[];
  /** undefined: the value is that of the shell which starts it. */
  environment: Map<string, string | undefined>;
  /** undefined: as in the image. */
  command: string[] | undefined;
  /** Containers outside of the file whose network, processes or volumes it joins: the key, and the container's name. */
  joins: { key: string; container: string; readOnly: boolean }[];
};

/** A volume or network: its key in the file, and its name on the host. */
export type Named = { key: string; name: string; external: boolean };

export type Model = { services: Service[]; volumes: Named[]; networks: Named[] };

type Json = Record<string, unknown>;

/** @throws Failure 3 for text that is no such description */
export function readModel(text: string): Model {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Failure(3, 'docker compose config does not print JSON: it is older than 2.0, or not Compose');
  }
  const { services, volumes, networks } = record(json);
  const named = (section: unknown): Named[] =>
    Object.entries(record(section)).map(([key, one]) => ({
      key,
      name: word(record(one)['name']) ?? key,
      external: record(one)['external'] === true,
    }));
  const nameOf = new Map(named(volumes).map(one => [one.key, one.name]));
  return {
    services: Object.entries(record(services)).map(([name, one]) => serviceOf(name, record(one), nameOf)),
    volumes: named(volumes),
    networks: named(networks),
  };
}

function serviceOf(name: string, one: Json, nameOf: Map<string, string>): Service {
  const { environment, command } = one;
  return {
    name,
    image: word(one['image']),
    containerName: word(one['container_name']),
    published: list(one['ports']).flatMap(port => {
      const { host_ip: ip, published, target, protocol } = record(port);
      const ports = word(published);
      return ports ? [{ ip: word(ip) ?? '', ports, target: Number(target), protocol: word(protocol) ?? 'tcp' }] : [];
    }),
    mounts: list(one['volumes']).flatMap((mount): Mount[] => {
      const { type, source, target, read_only: readOnly } = record(mount);
      const at = { target: word(target) ?? '', readOnly: readOnly === true };
      const from = word(source);
      if (!from) return [];
      if (type === 'bind') return [{ kind: 'bind', source: plain(from), ...at }];
      return type === 'volume' ? [{ kind: 'volume', source: nameOf.get(from) ?? from, ...at }] : [];
    }),
    environment: new Map(
      Object.entries(record(environment)).map(([key, value]) => [key, word(value) && plain(word(value) ?? '')]),
    ),
    command: Array.isArray(command) ? command.map(part => plain(String(part))) : undefined,
    joins: joined(one),
  };
}

function joined(one: Json): Service['joins'] {
  const spaces = ['network_mode', 'pid', 'ipc'].map(key => [key, word(one[key]) ?? ''] as const);
  const volumes = list(one['volumes_from']).map(from => ['volumes_from', word(from) ?? ''] as const);
  return [...spaces, ...volumes].flatMap(([key, text]) => {
    const [, container = '', mode] = /^container:([^:]+)(?::(r[ow]))?$/.exec(text) ?? [];
    return container ? [{ key, container, readOnly: mode === 'ro' }] : [];
  });
}

/** Compose doubles each `$` of its answer, so that it can be read as a compose file again. */
function plain(text: string): string {
  return text.replaceAll('$$', '$');
}

function record(value: unknown): Json {
  return isRecord(value) ? value : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined;
}
