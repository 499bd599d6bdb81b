// Ports and folders of the host that a service would share with another project, with their lines in the file.
import { posix } from 'node:path';
import { targetName } from '../../target/command.ts';
import type { Target } from '../../target/target.ts';
import { get, type Tree } from '../../yaml/tree.ts';
import type { Container } from './docker-state.ts';
import type { Mount, Published, Service } from './model.ts';
import { targetOf, who } from './owner.ts';

/** A container that has the port, runs or will: what an unknown project has stopped is in nobody's way. */
export function takenBy(
  { ip, ports, protocol }: Published,
  others: Container[],
  targets: readonly Target[],
): Container | undefined {
  const [first = 0, last = first] = ports.split('-').map(Number);
  const holders = Array.from({ length: Math.min(last - first + 1, 1000) }, (_, at) => String(first + at)).map(port =>
    others.find(
      one =>
        (/^(running|restarting|paused)$/.test(one.state) || targetOf(one.project, targets)) &&
        one.published.some(other => other.port === port && other.target.endsWith(`/${protocol}`) && meet(other.ip, ip)),
    ),
  );
  // of a range, Docker takes one that is free
  return holders.every(Boolean) ? holders[0] : undefined;
}

/** Whether two addresses to listen on exclude each other. */
export function meet(one: string, other: string): boolean {
  const [a, b] = [one, other].map(ip => ip.replace(/^\[|\]$/g, ''));
  if (!a || !b || a === b) return true;
  if (a.includes(':') !== b.includes(':')) return false;
  return [a, b].some(ip => ip === '0.0.0.0' || ip === '::');
}

export function told({ ip, ports, protocol }: Published): string {
  return `${ip.includes(':') ? `[${ip}]:` : ip && `${ip}:`}${ports}${protocol === 'tcp' ? '' : `/${protocol}`}`;
}

/** Whose data a folder of the host is, when that is another target of ops.yml; containers of other projects may see it read-only, such as those that back it up. */
export function sharedBind(
  mount: Mount,
  { target, others, targets }: { target: Target; others: Container[]; targets: readonly Target[] },
): string | undefined {
  const { source, readOnly } = mount;
  if (readOnly || isOfTheSystem(source)) return undefined;
  const mine = posix.normalize(source).replace(/(.)\/$/, '$1');
  const inOwn = isWithin(mine, target.root);
  const other = targets.find(
    one =>
      one !== target &&
      one.root !== target.root &&
      isWithin(mine, one.root) &&
      !(inOwn && isWithin(target.root, one.root)),
  );
  if (other) return `${targetName(other)} (root ${other.root})`;
  const user = others.find(
    one =>
      (targetOf(one.project, targets)?.target ?? target) !== target &&
      one.mounts.some(
        theirs =>
          theirs.kind === 'bind' &&
          !isOfTheSystem(theirs.source) &&
          (isWithin(mine, theirs.source) || isWithin(theirs.source, mine)),
      ),
  );
  return user && who(user, targets);
}

function isWithin(path: string, folder: string): boolean {
  return `${path}/`.startsWith(folder === '/' ? '/' : `${folder}/`);
}

/** Sockets, devices and settings that containers share by their nature. */
function isOfTheSystem(path: string): boolean {
  return /^\/(dev|proc|sys|run|var\/run|usr|lib|etc\/(localtime|timezone|hosts|ssl|ca-certificates|machine-id|passwd|group|resolv\.conf))(\/|$)/.test(
    path,
  );
}

/** Which of a service's ports in the file this one is written as; -1: none that can be told. */
export function portAt(
  { name }: Service,
  { ports }: Published,
  { target, tree }: { target: Target; tree: Tree | undefined },
): number {
  const items = get(tree, 'services', name, 'ports');
  if (items?.kind !== 'list') return -1;
  const values = target.runtime.kind === 'compose' ? target.runtime.variables : {};
  return items.items.findIndex(item => {
    const text = item.kind === 'map' ? get(item, 'published') : item;
    if (text?.kind !== 'value') return false;
    const filled = String(text.value).replace(
      /\$(?:\{(\w+)(?::?-([^}]*))?[^}]*\}|(\w+))/g,
      (_, braced?: string, fallback?: string, bare?: string) => values[braced ?? bare ?? ''] ?? fallback ?? '',
    );
    const [, first = '', last = first] =
      (item.kind === 'map' ? /^(\d+)(?:-(\d+))?$/ : /(?:^|:)(\d+)(?:-(\d+))?:[\d-]+(?:\/\w+)?$/).exec(filled) ?? [];
    const [from, to = from] = ports.split('-').map(Number);
    return first !== '' && Number(from) >= Number(first) && Number(to) <= Number(last);
  });
}

export function mountAt({ name }: Service, mount: Mount, tree: Tree | undefined): number {
  const items = get(tree, 'services', name, 'volumes');
  if (items?.kind !== 'list') return -1;
  return items.items.findIndex(item => {
    const target = item.kind === 'map' ? get(item, 'target') : item;
    return (
      target?.kind === 'value' &&
      `${String(target.value)}:`.includes(item.kind === 'map' ? mount.target : `:${mount.target}:`)
    );
  });
}
