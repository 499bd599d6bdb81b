// Docker's state on a host: containers, volumes and networks with their projects, read from one answer.
import { lines, sh, type Command } from '../../host/sh.ts';

export type Container = {
  id: string;
  name: string;
  state: string;
  /** Empty when Compose did not make it. */
  project: string;
  service: string;
  /** Made by `compose run`. */
  once: boolean;
  image: string;
  imageId: string;
  /** As they are asked for, whether it runs or not. */
  published: { ip: string; port: string; target: string }[];
  mounts: { kind: string; source: string; target: string; readOnly: boolean }[];
  /** Only of the target's own project, where it was asked for. */
  environment: string[];
  command: string[];
  /** The files and the folder that it was made from, and the environment files that Compose says it read. */
  files: string[];
  folder: string;
  environmentFiles: string[];
};

export type DockerHost = {
  containers: Container[];
  /** Name to project; an empty one when nobody's label is on it. */
  volumes: Map<string, string>;
  networks: Map<string, string>;
  /** What images set by themselves, by id. */
  imageEnvironments: Map<string, string[]>;
};

const label = (name: string) => `{{json (index .Config.Labels "com.docker.compose.${name}")}}`;
const fields = ['.Id', '.Name', '.State.Status', '.Config.Image', '.Image', '.HostConfig.PortBindings', '.Mounts'];
const labels = [
  'project',
  'service',
  'oneoff',
  'project.config_files',
  'project.working_dir',
  'project.environment_file',
];
const row = (more: string) => `[${[...fields.map(one => `{{json ${one}}}`), ...labels.map(label)].join(',')}${more}]`;

/** Lines for the question; `whose` is the project whose containers are asked for their environment too. */
export function dockerQuestion(whose: string | undefined): Command {
  const own = sh`$(docker ps -aq --filter ${`label=com.docker.compose.project=${whose ?? 'none'}`})`;
  return lines(
    sh`docker volume ls --format '{{.Name}} {{.Label "com.docker.compose.project"}}' | fact volumes`,
    sh`docker network ls --format '{{.Name}} {{.Label "com.docker.compose.project"}}' | fact networks`,
    // one that ends just now makes inspect complain, and hides no other
    sh`all=$(docker ps -aq); [ -z "$all" ] || docker inspect -f ${row('')} $all 2>/dev/null | fact containers`,
    whose !== undefined &&
      lines(
        sh`own=${own}; [ -z "$own" ] || docker inspect -f ${row(',{{json .Config.Env}},{{json .Config.Cmd}}')} $own 2>/dev/null | fact own`,
        sh`[ -z "$own" ] || docker image inspect -f '[{{json .Id}},{{json .Config.Env}}]' $(docker inspect -f '{{.Image}}' $own 2>/dev/null | sort -u) 2>/dev/null | fact images`,
      ),
  );
}

export function readDocker(said: Map<string, string>): DockerHost {
  const rows = (name: string) => (said.get(name) ?? '').split('\n').filter(Boolean);
  const named = (name: string) =>
    new Map(rows(name).map(line => [line.split(' ')[0] ?? '', line.split(' ').slice(1).join(' ')]));
  const containers = new Map(
    [...rows('containers'), ...rows('own')].map(line => containerOf(JSON.parse(line))).map(one => [one.id, one]),
  );
  return {
    containers: [...containers.values()],
    volumes: named('volumes'),
    networks: named('networks'),
    imageEnvironments: new Map(
      rows('images').map(line => {
        const [id, environment] = JSON.parse(line) as [string, string[] | null];
        return [id, environment ?? []];
      }),
    ),
  };
}

type Row = [
  id: string,
  name: string,
  state: string,
  image: string,
  imageId: string,
  ports: Record<string, { HostIp?: string; HostPort?: string }[] | null> | null,
  mounts: { Type: string; Name?: string; Source: string; Destination: string; RW: boolean }[] | null,
  project: string | null,
  service: string | null,
  once: string | null,
  files: string | null,
  folder: string | null,
  environmentFiles: string | null,
  environment?: string[] | null,
  command?: string[] | null,
];

function containerOf(json: unknown): Container {
  const [
    id,
    name,
    state,
    image,
    imageId,
    ports,
    mounts,
    project,
    service,
    once,
    files,
    folder,
    envFiles,
    env,
    command,
  ] = json as Row;
  const paths = (text: string | null) =>
    (text ?? '')
      .split(',')
      .filter(Boolean)
      .map(path => (path.startsWith('/') || !folder ? path : `${folder}/${path}`));
  return {
    id,
    name: name.replace(/^\//, ''),
    state,
    project: project ?? '',
    service: service ?? '',
    once: once?.toLowerCase() === 'true',
    image,
    imageId,
    published: Object.entries(ports ?? {}).flatMap(([target, all]) =>
      (all ?? []).map(one => ({ ip: one.HostIp ?? '', port: one.HostPort ?? '', target })),
    ),
    mounts: (mounts ?? []).map(one => ({
      kind: one.Type,
      source: one.Type === 'volume' ? (one.Name ?? '') : one.Source,
      target: one.Destination,
      readOnly: !one.RW,
    })),
    environment: env ?? [],
    command: command ?? [],
    files: paths(files),
    folder: folder ?? '',
    environmentFiles: paths(envFiles),
  };
}
