// What can only be wrong in a whole target or between two: each rule names the lines that together are wrong.
import { seconds } from '../../duration.ts';
import { backupFaults } from './backup.ts';
import { copyFaults, isPortName, portHere, rangeOf } from './instances.ts';
import { databaseFaults } from './database.ts';
import type { Place, Problem, Say, Source } from '../source/problems.ts';
import type { Settings, WrittenHost, WrittenStore } from '../schema/file.ts';
import { siteFaults, unknown } from './site.ts';
import { watchFaults } from './alerts.ts';
import { builtIn, get, type Tree } from '../source/tree.ts';

/** One target before it is built: its settings, and the tree that knows their places. */
export type Draft = { app: string; environment: string; at: number; path: string; settings: Settings; tree: Tree };

type Known = {
  hosts: ReadonlyMap<string, WrittenHost>;
  stores: ReadonlyMap<string, WrittenStore>;
  alerts: ReadonlyMap<string, unknown>;
  environments: readonly string[];
  /** Of ops.yml. */
  folder: string;
  source: Source;
};

/** What is wrong within one target. */
export function faultsWithin(draft: Draft, known: Known): Problem[] {
  const { settings, tree } = draft;
  const problems: Problem[] = [];
  const from: Say['from'] = (...path) => {
    const at = get(tree, ...path)?.at ?? builtIn;
    return at === builtIn ? 'by default' : known.source.place(at);
  };
  const wrong: Say['wrong'] = (path, text) => {
    const found = get(tree, ...path);
    const at = found && found.at !== builtIn ? found : undefined;
    problems.push({ at: at?.at ?? draft.at, path: at?.path || `${draft.path}.${path.join('.')}`, text });
  };
  const needs = (path: string[], why = '') => {
    if (get(tree, ...path) === undefined) wrong(path, `is missing${why}`);
  };

  needs(['host'], ': name one of hosts');
  needs(['root'], ': the absolute folder on the host');
  needs(['runtime'], ': compose, systemd or process');
  if (settings.host && !known.hosts.has(settings.host))
    wrong(['host'], unknown('host', settings.host, [...known.hosts.keys()]));

  const { runtime } = settings;
  if (runtime) {
    const set = `: runtime is ${runtime} (${from('runtime')})`;
    const parts = { compose: ['file', 'service'], systemd: ['unit', 'user', 'start'], process: ['start'] };
    for (const part of parts[runtime]) needs([runtime, part], set);
    for (const other of ['compose', 'systemd', 'process'] as const)
      if (other !== runtime && settings[other]) wrong([other], `is not used${set}`);
    if (runtime !== 'compose') needs(['repo'], `, and a release is made from it${set}`);
    if (runtime !== 'compose' && get(tree, 'migrate', 'service'))
      wrong(['migrate', 'service'], `is only for runtime compose${set}`);
  }
  if (settings.compose?.registry)
    for (const part of ['server', 'username', 'password']) needs(['compose', 'registry', part]);
  if (settings.repo && /^[/~]|(^|\/)\.\.(\/|$)/.test(settings.compose?.file ?? ''))
    wrong(['compose', 'file'], `must be a path inside the repo (${from('repo')})`);
  const { service, stay = [] } = settings.compose ?? {};
  if (service && stay.includes(service))
    wrong(
      ['compose', 'service'],
      `${service} is also in stay (${from('compose', 'stay')}), so no deploy would renew it`,
    );

  databaseFaults(settings, { wrong, from });
  if (settings.migrate) needs(['migrate', 'command'], ', or a preset');

  const { probes = [], deadline = '60s', interval = '500ms' } = settings.health ?? {};
  if (!probes.length)
    wrong(['health'], 'needs a probe, or no deploy could tell a good release from a bad one: ready: URL');
  if (seconds(interval) >= seconds(deadline) || seconds(interval) === 0)
    wrong(
      ['health', 'interval'],
      `${interval} must be above 0 and below the deadline ${deadline} (${from('health', 'deadline')})`,
    );
  for (const [index, probe] of probes.entries()) {
    if (!probe.url) wrong(['health', 'probes', index], `the probe ${probe.name} has no url`);
    if (probes.findIndex(other => other.name === probe.name) < index)
      wrong(['health', 'probes', index], `there are two probes called ${probe.name}`);
  }

  for (const [index, file] of (settings.env ?? []).entries()) {
    const keys = file.keys ?? {};
    for (const [key, rule] of Object.entries(keys)) {
      if (typeof rule === 'string') continue;
      const { min, max } = rule.number ?? {};
      const at = ['env', index, 'keys', key, 'number'];
      if (min !== undefined && max !== undefined && min > max)
        wrong([...at, 'min'], `${min} is above max ${max} (${from(...at, 'max')})`);
      if (rule.one_of && !rule.one_of.length) wrong(['env', index, 'keys', key, 'one_of'], 'allows no value at all');
    }
    for (const [number, check] of (file.checks ?? []).entries()) {
      const named =
        'same_origin' in check ? check.same_origin : [...Object.keys(check.when), ...Object.keys(check.then)];
      for (const key of named)
        if (!Object.hasOwn(keys, key)) wrong(['env', index, 'checks', number], unknown('key', key, Object.keys(keys)));
    }
    if ((settings.env ?? []).findIndex(other => other.file === file.file) < index)
      wrong(['env', index, 'file'], 'this file is described twice');
  }

  if (settings.site) for (const part of ['domains', 'upstreams', 'routes']) needs(['site', part]);
  siteFaults(settings, { wrong, from });
  copyFaults(draft, { wrong, from });
  backupFaults(settings, known, { wrong, from });
  watchFaults(settings, known.alerts, wrong);

  const { requires } = settings;
  if (requires === draft.environment) wrong(['requires'], 'an environment cannot require itself');
  else if (requires && !known.environments.includes(requires))
    wrong(['requires'], unknown('environment', requires, known.environments));

  const shared = (settings.systemd ?? settings.process)?.shared ?? [];
  for (const [index, path] of shared.entries()) {
    const around = shared.find((other, place) => place !== index && `${path}/`.startsWith(`${other}/`));
    if (around) wrong([runtime ?? '', 'shared', index], `is already inside ${around}`);
  }
  return problems;
}

/** What two targets may not share, because one would change what the other serves. */
export function clashes(drafts: readonly Draft[], known: Pick<Known, 'hosts' | 'source'>): Problem[] {
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
          text: `${what} ${value} is also that of ${first.draft.app} ${first.draft.environment} (${known.source.place(
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
function crossings(drafts: readonly Draft[], { hosts, source }: Pick<Known, 'hosts' | 'source'>): Problem[] {
  const machineOf = ({ settings }: Draft) => JSON.stringify(hosts.get(settings.host ?? ''));
  return drafts.flatMap(draft => {
    const range = rangeOf(draft.settings.instances?.ports);
    if (!range) return [];
    const { at = draft.at, path = draft.path } = get(draft.tree, 'instances', 'ports') ?? {};
    const others = drafts.filter(other => machineOf(other) === machineOf(draft));
    return others.flatMap(other => {
      const who = `${other.app} ${other.environment}`;
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

function claims({ app, environment, settings, tree }: Draft): { what: string; value: string; at: number }[] {
  const at = (...path: Place) => get(tree, ...path)?.at ?? builtIn;
  const one = (what: string, value: string | undefined, ...path: string[]) =>
    value === undefined ? [] : [{ what, value, at: at(...path) }];
  const variables = settings.runtime === 'compose' ? (settings.compose?.variables ?? {}) : {};
  return [
    ...one('root', settings.root, 'root'),
    ...one('compose project', settings.compose?.project, 'compose', 'project'),
    ...one('unit', settings.systemd?.unit, 'systemd', 'unit'),
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
