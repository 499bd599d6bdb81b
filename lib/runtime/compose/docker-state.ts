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

const label = (name: string) => `(index .Config.Labels "com.docker.compose.${name}")`;
/** What is asked of a container, by its name in the answer. */
const asked = {
  id: '.Id',
  name: '.Name',
  state: '.State.Status',
  image: '.Config.Image',
  imageId: '.Image',
  ports: '.HostConfig.PortBindings',
  mounts: '.Mounts',
  project: label('project'),
  service: label('service'),
  once: label('oneoff'),
  files: label('project.config_files'),
  folder: label('project.working_dir'),
  environmentFiles: label('project.environment_file'),
};
const askedOfOwn = { ...asked, environment: '.Config.Env', command: '.Config.Cmd' };
const row = (what: Record<string, string>) =>
  `{${Object.entries(what)
    .map(([name, field]) => `"${name}":{{json ${field}}}`)
    .join(',')}}`;

/** Lines for the question; `whose` is the project whose containers are asked for their environment too. */
export function dockerQuestion(whose: string | undefined): Command {
  const own = sh`$(docker ps -aq --filter ${`label=com.docker.compose.project=${whose ?? 'none'}`})`;
  return lines(
    sh`docker volume ls --format '{{.Name}} {{.Label "com.docker.compose.project"}}' | fact volumes`,
    sh`docker network ls --format '{{.Name}} {{.Label "com.docker.compose.project"}}' | fact networks`,
    // one that ends just now makes inspect complain, and hides no other
    sh`all=$(docker ps -aq); [ -z "$all" ] || docker inspect -f ${row(asked)} $all 2>/dev/null | fact containers`,
    whose !== undefined &&
      lines(
        sh`own=${own}; [ -z "$own" ] || docker inspect -f ${row(askedOfOwn)} $own 2>/dev/null | fact own`,
        sh`[ -z "$own" ] || docker image inspect -f '[{{json .Id}},{{json .Config.Env}}]' $(docker inspect -f '{{.Image}}' $own 2>/dev/null | sort -u) 2>/dev/null | fact images`,
      ),
  );
}

export function readDocker(said: Map<string, string>): DockerHost {
  const rows = (name: string) => (said.get(name) ?? '').split('\n').filter(Boolean);
  const named = (name: string) =>
    new Map(rows(name).map(line => [line.split(' ')[0] ?? '', line.split(' ').slice(1).join(' ')]));
  const containers = new Map(
    [...rows('containers'), ...rows('own')].map(line => containerOf(JSON.parse(line) as Row)).map(one => [one.id, one]),
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

/** As Docker prints it; a label that is missing is null. */
type Row = Pick<Container, 'id' | 'name' | 'state' | 'image' | 'imageId'> & {
  ports: Record<string, { HostIp?: string; HostPort?: string }[] | null> | null;
  mounts: { Type: string; Name?: string; Source: string; Destination: string; RW: boolean }[] | null;
  environment?: string[] | null;
  command?: string[] | null;
} & Record<'project' | 'service' | 'once' | 'files' | 'folder' | 'environmentFiles', string | null>;

function containerOf({ ports, mounts, ...one }: Row): Container {
  const paths = (text: string | null) =>
    (text ?? '')
      .split(',')
      .filter(Boolean)
      .map(path => (path.startsWith('/') || !one.folder ? path : `${one.folder}/${path}`));
  return {
    ...one,
    name: one.name.replace(/^\//, ''),
    project: one.project ?? '',
    service: one.service ?? '',
    once: one.once?.toLowerCase() === 'true',
    published: Object.entries(ports ?? {}).flatMap(([target, all]) =>
      (all ?? []).map(({ HostIp: ip = '', HostPort: port = '' }) => ({ ip, port, target })),
    ),
    mounts: (mounts ?? []).map(({ Type: kind, Name: name = '', Source: source, Destination: target, RW }) => ({
      kind,
      source: kind === 'volume' ? name : source,
      target,
      readOnly: !RW,
    })),
    environment: one.environment ?? [],
    command: one.command ?? [],
    files: paths(one.files),
    folder: one.folder ?? '',
    environmentFiles: paths(one.environmentFiles),
  };
}
