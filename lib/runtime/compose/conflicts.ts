// Conflicts of a compose file with other projects on the host: names, ports and folders, each with its line.
import { targetName } from '../../target/command.ts';
import type { Problem } from '../../yaml/problems.ts';
import type { Target } from '../../target/target.ts';
import { get, type Tree } from '../../yaml/tree.ts';
import type { DockerHost } from './docker-state.ts';
import type { Model } from './model.ts';
import { ownerName, projectsOf, targetOf, who } from './owner.ts';
import { meet, mountAt, portAt, sharedBind, takenBy, told } from './shared-resources.ts';

export type ConflictQuestion = {
  target: Target;
  /** The project that the model is for. */
  project: string;
  model: Model;
  /** The compose file, for the places. */
  tree: Tree | undefined;
  host: DockerHost;
  /** All targets of ops.yml on this host. */
  targets: readonly Target[];
  /** The same file for the other colour; undefined: there is one place only. */
  otherColour: Model | undefined;
};

/** `problems` refuse the deploy; `warnings` are what Compose itself would only say while it starts. */
export function clashesOf(asked: ConflictQuestion): { problems: Problem[]; warnings: string[] } {
  const { target, model, tree, host, targets } = asked;
  const problems: Problem[] = [];
  const warnings: string[] = [];
  const own = new Set([asked.project, ...projectsOf(target)]);
  const others = host.containers.filter(one => !own.has(one.project));
  const say = (path: (string | number)[], text: string, label?: (string | number)[]) => {
    let at: Tree | undefined;
    for (let to = path.length; !at && to > 0; to--) at = get(tree, ...path.slice(0, to));
    problems.push({ at: at?.at ?? 0, path: (label ?? path).join('.'), text });
  };

  for (const { key, name, external } of model.volumes) {
    const mounts = model.services
      .flatMap(one => one.mounts)
      .filter(one => one.kind === 'volume' && one.source === name);
    const users = others.filter(one => one.mounts.some(mount => mount.kind === 'volume' && mount.source === name));
    const project = host.volumes.get(name);
    const path = ['volumes', key, 'name'];
    if (external) {
      // shared on purpose, but never so that one environment writes into the data of another
      const user = users.find(one => targetOf(one.project, targets));
      if (user && mounts.some(one => !one.readOnly))
        say(
          path,
          `the volume ${name} is also that of ${who(user, targets)}, and this would write into it: ${ownName(key)}, or mount it read_only`,
        );
    } else if (project !== undefined && !own.has(project)) {
      const [user] = users;
      if (project && (targetOf(project, targets) || others.some(one => one.project === project)))
        say(path, `the volume ${name} is that of ${ownerName(project, targets)}: ${ownName(key)}`);
      else if (user) say(path, `the volume ${name} is used by ${who(user, targets)}: ${ownName(key)}`);
      else
        warnings.push(
          `the volume ${name} was made ${project ? `for the project ${project}, of which nothing is left` : 'by no Compose project'}; ${targetName(target)} takes it as it is (external: true says that it should)`,
        );
    }
  }

  for (const { key, name, external } of model.networks) {
    const project = host.networks.get(name);
    if (external || project === undefined || own.has(project)) continue;
    const path = ['networks', key, 'name'];
    if (!project) say(path, `the network ${name} was made by no Compose project: add external: true when it is meant`);
    else if (targetOf(project, targets) || others.some(one => one.project === project))
      say(
        path,
        `the network ${name} is that of ${ownerName(project, targets)}: ${ownName(key)}, or external: true when both are to be in it`,
      );
  }

  for (const service of model.services) {
    const { name, containerName } = service;
    const holder = others.find(one => one.name === containerName);
    if (holder)
      say(
        ['services', name, 'container_name'],
        `${containerName} is ${who(holder, targets)}: leave container_name out, and each project has its own`,
      );
    for (const published of service.published) {
      const taken = takenBy(published, others, targets);
      if (taken)
        say(
          ['services', name, 'ports', portAt(service, published, asked)],
          `the port ${told(published)} is that of ${who(taken, targets)}: ${variable}`,
          ['services', name, 'ports'],
        );
    }
    for (const mount of service.mounts.filter(one => one.kind === 'bind')) {
      const holder = sharedBind(mount, { target, others, targets });
      if (holder)
        say(
          ['services', name, 'volumes', mountAt(service, mount, tree)],
          `${mount.source} is also that of ${holder}, and this would write into it: ${variable}, or mount it read_only`,
          ['services', name, 'volumes'],
        );
    }
    for (const { key, container, readOnly } of service.joins) {
      const other = others.find(
        one => one.name === container || (one.id.startsWith(container) && container.length > 11),
      );
      if (other && targetOf(other.project, targets) && !readOnly)
        say(
          ['services', name, key],
          `${container} is ${who(other, targets)}: one environment would reach into another`,
        );
    }
  }
  bothColours(asked, say);
  return { problems, warnings };
}

const variable = 'make it a variable of compose.variables, with a value for each environment';
const ownName = (key: string) => `name: \${COMPOSE_PROJECT_NAME}_${key}, or no name, gives each project its own`;

/** What two versions at once cannot both have. */
function bothColours(
  { model, otherColour, target, tree }: ConflictQuestion,
  say: (path: (string | number)[], text: string, label?: (string | number)[]) => void,
): void {
  const accessories = target.runtime.kind === 'compose' ? target.runtime.accessories : [];
  for (const service of model.services.filter(one => !accessories.includes(one.name))) {
    const other = otherColour?.services.find(one => one.name === service.name);
    if (!other) continue;
    const { name, containerName } = service;
    if (containerName !== undefined && containerName === other.containerName)
      say(
        ['services', name, 'container_name'],
        `with switch: blue-green two versions run at once, and only one of them can be ${containerName}: leave container_name out`,
      );
    for (const published of service.published)
      if (
        !published.ports.includes('-') &&
        other.published.some(
          one => one.protocol === published.protocol && one.ports === published.ports && meet(one.ip, published.ip),
        )
      )
        say(
          ['services', name, 'ports', portAt(service, published, { target, tree })],
          `with switch: blue-green two versions run at once, and only one of them can have the port ${told(published)}: use the variable of an upstream of site, which each colour has its own value of`,
          ['services', name, 'ports'],
        );
  }
}
