// The schema of ops.yml as people write it: what each key may be, and the message when it is not.
import * as v from 'valibot';
import {
  publicKey,
  address,
  branch,
  command,
  duration,
  jumps,
  line,
  list,
  mustBe,
  name,
  oneLineValue,
  path,
  portRange,
  root,
  scalar,
  requestSize,
  url,
  whole,
  wildcard,
} from './values.ts';
import { alert, backup, store } from './backup.ts';
import { maintenance, site } from './site.ts';
import { about, either, mapOf, namedMap, notText, shape, variables, type Any } from './combinators.ts';
import { envFile } from './env.ts';
import { database, migrate } from './database.ts';
import { compose, process, systemd } from './runtime.ts';

const publicKeys = either(publicKey, list(publicKey), Array.isArray);
const host = either(
  v.literal('local', 'must be local, or a map with ssh: user@host'),
  shape({
    ssh: about('user@host, user@host:port, or an alias of ~/.ssh/config', address),
    host_key: about('The public key the host must show; known_hosts is not read then', v.optional(publicKeys)),
    identity: about('A private key file on this machine', v.optional(path)),
    jump: about('A host to go through, as after ssh -J', v.optional(jumps)),
    jump_host_key: about('The public key the jump host must show', v.optional(publicKeys)),
  }),
  notText,
);

const expectations = {
  status: about('The HTTP status expected (default 200)', v.optional(whole(100, 599))),
  json: about(
    'Dotted path to the value expected; {sha} and {sha7} stand for the release',
    v.optional(mapOf(line, scalar)),
  ),
  header: about('A header expected', v.optional(shape({ name: line, value: line }))),
};
const oneProbe = v.optional(either(url, shape({ url: v.optional(url), ...expectations }), notText));
const health = shape({
  deadline: about('How long a release may take to be ready (default 60s)', v.optional(duration)),
  interval: about('Time between two probes (default 500ms)', v.optional(duration)),
  live: about('A URL that says the process runs', oneProbe),
  ready: about('A URL that says it can serve', oneProbe),
  version: about('A URL that names the release', oneProbe),
  probes: about('More probes, each with a name', v.optional(list(shape({ name, url, ...expectations })))),
});

const instances = shape({
  ports: about('The ports on the server that copies may take, such as 8400-8499', portRange),
  domain: about('The domain of instances: *.staging.example.org', wildcard),
  memory: about('The memory of each container at most (default 512m)', v.optional(requestSize)),
  cpus: about(
    'The processors of each container at most (default 1)',
    v.optional(
      v.pipe(
        v.number(mustBe('a number')),
        v.minValue(0.05, 'must be at least 0.05'),
        v.maxValue(64, 'must be at most 64'),
      ),
    ),
  ),
  data: about(
    'What a copy begins with (default empty)',
    v.optional(v.picklist(['empty', 'seed', 'snapshot'], 'must be empty, seed or snapshot')),
  ),
  env: about(
    'Keys of the environment files with another value in a copy; {name} and {domain} are its own',
    v.optional(variables(oneLineValue)),
  ),
});

const seed = shape({
  command: about('Makes the data; reads the users as JSON on its standard input', command),
  reset: about('Empties the data before that and before the migration', v.optional(command)),
  service: about('compose: the service whose image runs them', v.optional(name)),
  seconds: about('How long each may take (default 600)', v.optional(whole(1, 86_400))),
  guards: about('What the environment files on the host must say, or nothing is seeded', variables(scalar)),
});

const settings = {
  host: about('A name under hosts', v.optional(name)),
  root: about('Absolute folder on the host; other paths on the host are relative to it', v.optional(root)),
  repo: about("The app's git clone on this machine", v.optional(path)),
  tracks: about('What a deploy without --sha or --ref takes (default main)', v.optional(branch)),
  requires: about('The environment that must have run a commit before this one takes it', v.optional(name)),
  switch: about(
    'How traffic moves to the new release',
    v.optional(v.picklist(['maintenance', 'hold', 'blue-green'], 'must be maintenance, hold or blue-green')),
  ),
  keep: about('Good releases that stay on the host, the current one counted (default 5)', v.optional(whole(2, 1000))),
  runtime: about(
    'How a release is started',
    v.optional(v.picklist(['compose', 'systemd', 'process'], 'must be compose, systemd or process')),
  ),
  compose: v.optional(compose),
  systemd: v.optional(systemd),
  process: v.optional(process),
  env: about('Environment files on the host and what must be in them', v.optional(list(envFile))),
  database: v.optional(database),
  migrate: about('prisma, alembic, rails, or a command', v.optional(migrate)),
  health: v.optional(health),
  maintenance: v.optional(maintenance),
  site: about('What visitors reach it by', v.optional(site)),
  seed: about('How its test data are made; never in production', v.optional(seed)),
  instances: about('How throw-away instances are made', v.optional(instances)),
  backup: about('What a backup takes, and where it goes', v.optional(backup)),
};

/** The order in which people expect to read them. */
export const settingOrder: readonly string[] = Object.keys(settings);
/** The settings of one target after the merge. */
export const settingsSchema = shape(settings);
export const fileSchema = shape({
  defaults: about('Settings of every app', v.optional(settingsSchema)),
  hosts: about('Where apps run: local, or { ssh: user@host }', namedMap(host)),
  stores: about('Where backups go: a folder here or on a host, or a bucket', v.optional(namedMap(store))),
  alerts: about('Where alerts go', v.optional(namedMap(alert))),
  default_app: about('The app meant when --app is not given', v.optional(name)),
  apps: about(
    'The apps',
    namedMap(shape({ ...settings, environments: about('production, staging, …', namedMap(settingsSchema)) })),
  ),
});

export type Settings = v.InferOutput<typeof settingsSchema>;
export type WrittenHost = v.InferOutput<typeof host>;
export type WrittenAlert = v.InferOutput<typeof alert>;
export type WrittenStore = v.InferOutput<typeof store>;
/** What `schema` finds wrong with `value`: the path, whether it is about the key itself, and the sentence. */
export function faults(
  schema: Any,
  value: unknown,
): { path: string[]; key: boolean; text: string; known?: string[] }[] {
  return (v.safeParse(schema, value).issues ?? []).map(issue => {
    const path = (issue.path ?? []).map(part => String(part.key));
    if (issue.type === 'never') return { path, key: true, text: 'unknown key', known: issue.message.split(' ') };
    return { path, key: issue.path?.at(-1)?.origin === 'key', text: issue.message };
  });
}

const soundOf =
  <S extends Any>(schema: S) =>
  (value: unknown): v.InferOutput<S> | undefined => {
    const parsed = v.safeParse(schema, value);
    return parsed.success ? parsed.output : undefined;
  };
/** What was written, when nothing is wrong with it. */
export const settingsIn = soundOf(settingsSchema);
export const hostIn = soundOf(host);
export const storeIn = soundOf(store);
export const alertIn = soundOf(alert);
