// Rules across a whole target or two of them: each names the lines that conflict.
import { seconds } from '../../duration.ts';
import { backupFaults } from './backup.ts';
import { buildFaults } from './build.ts';
import { copyFaults } from './instances.ts';
import { databaseFaults } from './database.ts';
import type { Problem, Complaints, Source } from '../../yaml/problems.ts';
import type { WrittenHost, WrittenStore } from '../schema/file.ts';
import { onceFaults } from './once.ts';
import { siteFaults } from './site.ts';
import { unknown } from './unknown-name.ts';
import { watchFaults } from './alerts.ts';
import { builtIn, get } from '../../yaml/tree.ts';
import type { Draft } from './draft.ts';

export type RuleContext = {
  hosts: ReadonlyMap<string, WrittenHost>;
  stores: ReadonlyMap<string, WrittenStore>;
  alerts: ReadonlyMap<string, unknown>;
  environments: readonly string[];
  /** Of ops.yml. */
  folder: string;
  source: Source;
};

/** What is wrong within one target. */
export function faultsWithin(draft: Draft, known: RuleContext): Problem[] {
  const { settings, tree } = draft;
  const problems: Problem[] = [];
  const from: Complaints['from'] = (...path) => {
    const at = get(tree, ...path)?.at ?? builtIn;
    return at === builtIn ? 'by default' : known.source.place(at);
  };
  const wrong: Complaints['wrong'] = (path, text) => {
    const found = get(tree, ...path);
    const at = found && found.at !== builtIn ? found : undefined;
    problems.push({ at: at?.at ?? draft.at, path: at?.path || `${draft.path}.${path.join('.')}`, text });
  };
  const needs = (path: string[], why = '') => {
    if (get(tree, ...path) === undefined) wrong(path, `is missing${why}`);
  };

  needs(['host'], ': name one of hosts');
  needs(['root'], ': the absolute folder on the host');
  needs(['runtime'], ': compose, systemd, once or process');
  if (settings.host && !known.hosts.has(settings.host))
    wrong(['host'], unknown('host', settings.host, [...known.hosts.keys()]));

  const { runtime } = settings;
  if (runtime) {
    const set = `: runtime is ${runtime} (${from('runtime')})`;
    const parts = {
      compose: ['file', 'service'],
      systemd: ['unit', 'user', 'start'],
      once: ['host', 'image'],
      process: ['start'],
    };
    for (const part of parts[runtime]) needs([runtime, part], set);
    for (const other of ['compose', 'systemd', 'once', 'process'] as const)
      if (other !== runtime && settings[other]) wrong([other], `is not used${set}`);
    if (runtime !== 'compose' && runtime !== 'once') needs(['repo'], `, and a release is made from it${set}`);
    if (runtime !== 'compose' && get(tree, 'migrate', 'service'))
      wrong(['migrate', 'service'], `is only for runtime compose${set}`);
  }
  if (settings.compose?.registry)
    for (const part of ['server', 'username', 'password']) needs(['compose', 'registry', part]);
  if (settings.repo && /^[/~]|(^|\/)\.\.(\/|$)/.test(settings.compose?.file ?? ''))
    wrong(['compose', 'file'], `must be a path inside the repo (${from('repo')})`);
  const { service, accessories = [] } = settings.compose ?? {};
  if (service && accessories.includes(service))
    wrong(
      ['compose', 'service'],
      `${service} is also in accessories (${from('compose', 'accessories')}), so no deploy would renew it`,
    );

  onceFaults(draft, { wrong, from });
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
  buildFaults(settings, { wrong, from });
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
