// The schema of ops.yml as people write it: what each key may be, and the message when it is not.
import * as v from 'valibot';
import {
  oneOf,
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
import { build } from './build.ts';
import { maintenance, site } from './site.ts';
import { type Any, about, either, mapOf, namedMap, notText, optional, shape, variables } from './combinators.ts';
import { envFile } from './env.ts';
import { database, migrate } from './database.ts';
import { compose, once, process, systemd } from './runtime.ts';
import { writebook } from './writebook.ts';

const publicKeys = either(publicKey, list(publicKey), Array.isArray);
export const host = either(
  v.literal('local', 'must be local, or a map with ssh: user@host'),
  shape({
    ssh: about('user@host, user@host:port, or an alias of ~/.ssh/config', address),
    host_key: optional('The public key the host must show; known_hosts is not read then', publicKeys),
    identity: optional('A private key file on this machine', path),
    jump: optional('A host to go through, as after ssh -J', jumps),
    jump_host_key: optional('The public key the jump host must show', publicKeys),
  }),
  notText,
);

const expectations = {
  status: optional('The HTTP status expected (default 200)', whole(100, 599)),
  json: optional('Dotted path to the value expected; {sha} and {sha7} stand for the release', mapOf(line, scalar)),
  header: optional('A header expected', shape({ name: line, value: line })),
};
const oneProbe = v.optional(either(url, shape({ url: v.optional(url), ...expectations }), notText));
const health = shape({
  deadline: optional('How long a release may take to be ready (default 60s)', duration),
  interval: optional('Time between two probes (default 500ms)', duration),
  live: about('A URL that says the process runs', oneProbe),
  ready: about('A URL that says it can serve', oneProbe),
  version: about('A URL that names the release', oneProbe),
  probes: optional('More probes, each with a name', list(shape({ name, url, ...expectations }))),
});

const instances = shape({
  ports: about('The ports on the server that copies may take, such as 8400-8499', portRange),
  domain: about('The domain of instances: *.staging.example.org', wildcard),
  memory: optional('The memory of each container at most (default 512m)', requestSize),
  cpus: optional(
    'The processors of each container at most (default 1)',
    v.pipe(
      v.number(mustBe('a number')),
      v.minValue(0.05, 'must be at least 0.05'),
      v.maxValue(64, 'must be at most 64'),
    ),
  ),
  data: optional('What a copy begins with (default empty)', oneOf('empty', 'seed', 'snapshot')),
  env: optional(
    'Keys of the environment files with another value in a copy; {name} and {domain} are its own',
    variables(oneLineValue),
  ),
});

const seed = shape({
  command: about('Makes the data; reads the users as JSON on its standard input', command),
  reset: optional('Empties the data before that and before the migration', command),
  service: optional('compose: the service whose image runs them', name),
  seconds: optional('How long each may take (default 600)', whole(1, 86_400)),
  guards: about('What the environment files on the host must say, or nothing is seeded', variables(scalar)),
});

const settings = {
  host: optional('A name under hosts', name),
  root: optional('Absolute folder on the host; other paths on the host are relative to it', root),
  repo: optional("The app's git clone on this machine", path),
  tracks: optional('What a deploy without --sha or --ref takes (default main)', branch),
  requires: optional('The environment that must have run a commit before this one takes it', name),
  switch: optional('How traffic moves to the new release', oneOf('maintenance', 'hold', 'blue-green')),
  keep: optional('Good releases that stay on the host, the current one counted (default 5)', whole(2, 1000)),
  runtime: optional('How a release is started', oneOf('compose', 'systemd', 'once', 'process')),
  compose: v.optional(compose),
  systemd: v.optional(systemd),
  once: v.optional(once),
  process: v.optional(process),
  build: optional('How its images are built from a commit; {} for one Dockerfile at the top of the repo', build),
  env: optional('Environment files on the host and what must be in them', list(envFile)),
  database: v.optional(database),
  migrate: optional('prisma, alembic, rails, or a command', migrate),
  health: v.optional(health),
  maintenance: v.optional(maintenance),
  site: optional('What visitors reach it by', site),
  seed: optional('How its test data are made; never in production', seed),
  instances: optional('How throw-away instances are made', instances),
  backup: optional('What a backup takes, and where it goes', backup),
  writebook: optional('A book of Writebook: its teasers and announcements', writebook),
};

/** The order in which people expect to read them. */
export const settingOrder: readonly string[] = Object.keys(settings);
/** The settings of one target after the merge. */
export const settingsSchema = shape(settings);
export const fileSchema = shape({
  defaults: optional('Settings of every app', settingsSchema),
  hosts: about('Where apps run: local, or { ssh: user@host }', namedMap(host)),
  stores: optional('Where backups go: a folder here or on a host, or a bucket', namedMap(store)),
  alerts: optional('Where alerts go', namedMap(alert)),
  default_app: optional('The app meant when --app is not given', name),
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

/** What was written, when nothing is wrong with it. */
export function soundIn<S extends Any>(schema: S, value: unknown): v.InferOutput<S> | undefined {
  const parsed = v.safeParse(schema, value);
  return parsed.success ? parsed.output : undefined;
}
