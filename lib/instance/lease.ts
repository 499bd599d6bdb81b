// The server's record of the instances of a target: one line each, in a file of its own, queried and parsed.
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { targetName, taskCommand } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { askFacts } from '../deploy/ask-facts.ts';
import { Failure } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { maintenanceQuestion } from '../maintenance/maintenance.ts';
import { lines, sh, type Command } from '../host/sh.ts';
import { instancesTied } from '../proxy/proxies.ts';
import { answerLines, type Facts } from '../release/facts.ts';
import { instancesFolder, portsNeeded } from './target.ts';

export type Lease = {
  name: string;
  /** Seconds since 1970. */
  end: number;
  made: number;
  ports: number[];
  by: string;
  /** The commit that it serves; undefined: none yet. */
  sha: string | undefined;
};

/** Of the base; `leases` are all of its copies, `now` in seconds since 1970 on the host's clock. */
export type InstanceFacts = { facts: Facts; leases: Lease[]; now: number };

/** What is left of an earlier copy of that name goes first: its end is under way. */
export async function askInstances(host: Host, base: Target, name: string | undefined): Promise<InstanceFacts> {
  for (let tries = 0; ; tries++) {
    const facts = await askFacts(host, base, undefined, lines(maintenanceQuestion(base), instancesQuestion(base)));
    if (name === undefined || !isGoing(facts, name) || tries === 20)
      return { facts, leases: readLeases(facts), now: Math.floor(facts.now.getTime() / 1000) };
    await new Promise(resolve => setTimeout(resolve, 500));
  }
}

/** The file that says until when a copy lives. Without it the server takes the copy away. */
export function leaseFile(folder: string, name: string): string {
  return posix.join(folder, name, 'instance');
}

/** One line; lib/instance/end.sh reads the end in it. */
export function leaseLine({ end, made, ports, by }: Pick<Lease, 'end' | 'made' | 'ports' | 'by'>): string {
  return `end=${end} made=${made} ports=${ports.join(',')} by=${by}`;
}

/** Lines for askFacts of the base. */
export function instancesQuestion(base: Target): Command {
  const folder = instancesFolder(base);
  return lines(
    sh`for mark in ${folder}/*/instance; do [ ! -r "$mark" ] || { at=\${mark%/*}; echo "\${at##*/} $(head -n 1 "$mark") sha=$(cat "$at/releases/current_release" 2>/dev/null)"; }; done | fact instances`,
    sh`for at in ${folder}/*/; do [ ! -d "$at" ] || [ -e "$at/instance" ] || basename "$at"; done | fact instances-going`,
    sh`{ ${instancesTied(base.app, base.environment, folder)}; } 2>/dev/null | fact instances-tied`,
  );
}

/** Whether the server is about to take away what is left of a copy. */
function isGoing(facts: Facts, name: string): boolean {
  return answerLines(facts, 'instances-going').includes(name);
}

/** By name. */
export function readLeases(facts: Facts): Lease[] {
  return answerLines(facts, 'instances').flatMap(line => {
    const [, name, end, made, ports, by = '', sha] =
      /^([a-z][a-z0-9-]*) end=(\d+) made=(\d+) ports=([\d,]*) by=(\S*) sha=(\S*)$/.exec(line) ?? [];
    if (!name) return [];
    return [
      {
        name,
        end: Number(end),
        made: Number(made),
        ports: (ports ?? '').split(',').filter(Boolean).map(Number),
        by,
        sha: sha || undefined,
      },
    ];
  });
}

/** The ports of a copy: those that it has, else a free block of the range. @throws Failure 1 when there is none */
export function portsFor(base: Target, name: string, marks: readonly Lease[]): number[] {
  const { first = 1, last = 0 } = base.instances?.ports ?? {};
  const count = portsNeeded(base).length;
  const own = marks.find(mark => mark.name === name)?.ports ?? [];
  if (own.length === count && own.every(port => port >= first && port <= last)) return own;
  const taken = new Set(marks.filter(mark => mark.name !== name).flatMap(mark => mark.ports));
  // by its name first, so that two that are made at the same time rarely want the same
  const blocks = Math.floor((last - first + 1) / Math.max(1, count));
  const begin = createHash('sha256').update(name).digest().readUInt32BE();
  for (let tries = 0; tries < blocks; tries++) {
    const from = first + ((begin + tries) % blocks) * count;
    const block = Array.from({ length: count }, (_, index) => from + index);
    if (!block.some(port => taken.has(port))) return block;
  }
  throw new Failure(1, `the ports ${first}-${last} are all taken by ${marks.length} instances of ${targetName(base)}`, {
    advice: `${taskCommand('instance list', base)}, then take one down; or widen instances.ports in ops.yml`,
  });
}
