// Conflicts of two targets on one host: folders, ports, names.
import { targetName } from '../../target/command.ts';
import type { SettingPath, Problem } from '../../yaml/problems.ts';
import { builtIn, get } from '../../yaml/tree.ts';
import type { Draft } from './draft.ts';
import { rangeOf, portHere, isPortName } from '../../target/ports.ts';
import { type RuleContext } from './target.ts';

/** What two targets may not share, because one would change what the other serves. */
export function clashes(drafts: readonly Draft[], known: Pick<RuleContext, 'hosts' | 'source'>): Problem[] {
  const taken = new Map<string, { draft: Draft; at: number }>();
  const problems: Problem[] = [];
  for (const draft of drafts) {
    const host = known.hosts.get(draft.settings.host ?? '');
    if (!host) continue;
    const machine = typeof host === 'string' ? host : host.ssh;
    const mine = new Set<string>();
    for (const { what, value, at } of claims(draft)) {
      // backups of all hosts may meet in one store
      const claim = JSON.stringify([what === 'backups' ? '' : machine, what, value]);
      const first = taken.get(claim);
      if (mine.has(claim)) continue;
      mine.add(claim);
      if (!first) taken.set(claim, { draft, at });
      else {
        problems.push({
          at: at === builtIn ? draft.at : at,
          path: draft.path,
          text: `${what} ${value} is also that of ${targetName(first.draft)} (${known.source.place(
            first.at === builtIn ? first.draft.at : first.at,
          )}) on the same host`,
        });
        // With one root everything in it is shared too; saying that again helps nobody.
        if (what === 'root') break;
      }
    }
  }
  return [...problems, ...crossings(drafts, known)];
}

/** A port in the range of somebody's instances would one day be taken by one of them. */
export function crossings(
  drafts: readonly Draft[],
  { hosts, source }: Pick<RuleContext, 'hosts' | 'source'>,
): Problem[] {
  const machineOf = ({ settings }: Draft) => JSON.stringify(hosts.get(settings.host ?? ''));
  return drafts.flatMap(draft => {
    const range = rangeOf(draft.settings.instances?.ports);
    if (!range) return [];
    const { at = draft.at, path = draft.path } = get(draft.tree, 'instances', 'ports') ?? {};
    const others = drafts.filter(other => machineOf(other) === machineOf(draft));
    return others.flatMap(other => {
      const who = targetName(other);
      const theirs = other === draft ? undefined : rangeOf(other.settings.instances?.ports);
      const taken = claims(other).find(
        ({ what, value }) => what === 'port' && Number(value) >= range.first && Number(value) <= range.last,
      );
      const text = taken
        ? `the port ${taken.value} in it is that of ${who} (${source.place(taken.at === builtIn ? other.at : taken.at)})`
        : theirs && theirs.first <= range.last && theirs.last >= range.first
          ? `these ports are also for the instances of ${who}`
          : undefined;
      return text ? [{ at, path, text }] : [];
    });
  });
}

export function claims({ app, environment, settings, tree }: Draft): { what: string; value: string; at: number }[] {
  const at = (...path: SettingPath) => get(tree, ...path)?.at ?? builtIn;
  const one = (what: string, value: string | undefined, ...path: string[]) =>
    value === undefined ? [] : [{ what, value, at: at(...path) }];
  const variables = settings.runtime === 'compose' ? (settings.compose?.variables ?? {}) : {};
  return [
    ...one('root', settings.root, 'root'),
    ...one('compose project', settings.compose?.project, 'compose', 'project'),
    ...one('unit', settings.systemd?.unit, 'systemd', 'unit'),
    ...one('app of ONCE', settings.once?.host, 'once', 'host'),
    ...one('database', settings.database?.sqlite, 'database', 'sqlite'),
    ...(settings.site?.domains ?? []).flatMap((name, index) => [
      { what: 'domain', value: name, at: at('site', 'domains', index) },
    ]),
    // Its link in sites-enabled and its logs: a-b c and a b-c would share them.
    ...(settings.site ? [{ what: 'site', value: `${app}-${environment}`, at: at('site') }] : []),
    // Likewise the first part of a key in a store.
    ...(settings.backup ? [{ what: 'backups', value: `${app}-${environment}`, at: at('backup') }] : []),
    ...Object.entries(settings.site?.upstreams ?? {}).flatMap(([name, upstream]) =>
      (typeof upstream === 'number' ? [upstream] : [upstream.port, upstream.green ?? upstream.port]).map(port => ({
        what: 'port',
        value: String(port),
        at: at('site', 'upstreams', name),
      })),
    ),
    ...one('maintenance flag', settings.maintenance?.flag, 'maintenance', 'flag'),
    ...Object.entries(variables)
      .filter(([name]) => isPortName(name))
      .map(([name, value]) => ({ what: 'port', value: String(value), at: at('compose', 'variables', name) })),
    ...(settings.health?.probes ?? []).flatMap((probe, index) => {
      const port = portHere(probe.url);
      return port ? [{ what: 'port', value: port, at: at('health', 'probes', index, 'url') }] : [];
    }),
  ];
}
