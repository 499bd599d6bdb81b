// The words of ops.yml as people write them: what each may be, and the sentence that says so when it is not.
import * as v from 'valibot';
import {
  address,
  age,
  askedPath,
  branch,
  bucketName,
  command,
  domain,
  duration,
  email,
  hostPath,
  insidePath,
  isMap,
  isPattern,
  jumps,
  line,
  list,
  mailbox,
  metricsFile,
  mustBe,
  name,
  oneLineValue,
  path,
  plainText,
  portRange,
  proxyPath,
  publicKey,
  recipient,
  root,
  rootPath,
  routePath,
  scalar,
  size,
  url,
  user,
  variable,
  whole,
  wildcard,
  yes,
} from './forms.ts';

type Any = v.GenericSchema;

/** The commands behind `migrate: prisma` and its like. */
export const presets = {
  prisma: 'npx prisma migrate deploy',
  alembic: 'alembic upgrade head',
  rails: 'bin/rails db:migrate',
};

const about = <S extends Any>(text: string, schema: S) => v.pipe(schema, v.description(text));

/** A map with these keys only. Each unknown key becomes an issue of its own, whose message lists the known ones for "did you mean". */
export function shape<const E extends v.ObjectEntries>(entries: E) {
  const map = v.objectWithRest(
    entries,
    v.never(() => Object.keys(entries).join(' ')),
    issue => (issue.expected.startsWith('"') ? 'is missing' : mustBe('a map')(issue)),
  );
  return v.pipe(v.custom<object>(isMap, mustBe('a map')), map) as unknown as typeof map;
}

/** One of two forms, told apart by a look at the value, so that the message is about the form that was meant. */
function either<A extends Any, B extends Any>(one: A, other: B, isOther: (value: unknown) => boolean) {
  const union = v.union([one, other]);
  const run: Any['~run'] = (dataset, config) =>
    (isOther(dataset.value) ? (other as Any) : (one as Any))['~run'](dataset, config);
  return { ...union, '~run': run } as typeof union;
}
const notText = (value: unknown) => typeof value === 'object' && value !== null;

const variables = <S extends Any>(value: S) =>
  v.pipe(v.custom<Record<string, v.InferInput<S>>>(isMap, mustBe('a map')), v.record(variable, value));

const publicKeys = either(publicKey, list(publicKey), Array.isArray);
const secretReference = either(
  shape({ env: variable }),
  shape({ file: path }),
  value => typeof value === 'object' && value !== null && 'file' in value,
);
const password = v.pipe(
  v.custom<object>(isMap, 'must say where the secret is, { env: NAME } or { file: path }, and never be the secret'),
  secretReference,
) as unknown as typeof secretReference;

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

const compose = shape({
  file: about('The compose file: in repo at the released commit, else on this machine', v.optional(path)),
  project: about('The compose project (default: <app>-<environment>)', v.optional(name)),
  stay: about('Services that no deploy stops, such as redis', v.optional(list(name))),
  service: about('The service that exec and migrate mean', v.optional(name)),
  variables: about('Values for ${…} in the compose file; not for secrets', v.optional(variables(scalar))),
  registry: about(
    'Where images are pulled from',
    v.optional(shape({ server: v.optional(line), username: v.optional(line), password: v.optional(password) })),
  ),
  stop_seconds: about('Seconds between SIGTERM and SIGKILL (default 10)', v.optional(whole(0, 600))),
});

const shared = about('Paths inside a release that link to the same path under shared/', v.optional(list(insidePath)));
const install = about('A command run in the new release before any downtime', v.optional(command));
const start = about('The command that starts the app', v.optional(command));
const systemd = shape({
  unit: about('The unit, without .service', v.optional(name)),
  user: about('The user that owns releases and runs the app', v.optional(user)),
  shared,
  install,
  start,
});
const process = shape({ start, shared, install });

const keyRule = either(
  v.picklist(['required', 'optional'], 'must be required, optional, or a map of rules'),
  shape({
    required: about('Default true', v.optional(yes)),
    one_of: about('The values allowed', v.optional(list(scalar))),
    pattern: about(
      'A regular expression the whole value must match',
      v.optional(v.pipe(plainText, v.check(isPattern, 'is not a regular expression'))),
    ),
    number: about(
      'The value is a number in this range',
      v.optional(
        shape({
          min: v.optional(v.number(mustBe('a number'))),
          max: v.optional(v.number(mustBe('a number'))),
          whole: v.optional(yes),
        }),
      ),
    ),
    min_length: v.optional(whole(1, 10_000)),
    placeholder: about(
      'Refuse values such as changeme or your-key',
      v.optional(v.literal('refuse', 'can only be: refuse')),
    ),
  }),
  notText,
);
const crossCheck = either(
  // oxlint-disable-next-line unicorn/no-thenable -- the word of ops.yml; its value is never a function
  shape({ when: variables(scalar), then: variables(scalar), because: v.optional(line) }),
  shape({ same_origin: list(variable), because: v.optional(line) }),
  value => typeof value === 'object' && value !== null && 'same_origin' in value,
);
const envFile = shape({
  file: about('The file on the host', hostPath),
  keys: about('A rule per key: required, optional, or a map', v.optional(variables(keyRule))),
  checks: about('Rules about several keys', v.optional(list(crossCheck))),
});

const postgres = shape({
  service: about('compose: the service that is the server', v.optional(name)),
  user: about('service: its user', v.optional(line)),
  name: about('service: the database', v.optional(line)),
  url: about('The variable in an environment file on the host that has the URL', v.optional(variable)),
});
const database = shape({
  sqlite: about('The database file on the host', v.optional(hostPath)),
  postgres: about('A service of the compose project, or a URL', v.optional(postgres)),
  as: about('The user who may read and write it, through sudo', v.optional(user)),
  exclusive: about(
    'sqlite: only one process may have it open (default true): no switch with two at once',
    v.optional(yes),
  ),
  snapshots: about('Folder for snapshots before a deploy (default backups/snapshots)', v.optional(hostPath)),
  keep: about('How many snapshots stay (default 7)', v.optional(whole(1, 1000))),
});

const migrate = either(
  command,
  v.pipe(
    shape({
      preset: v.optional(v.picklist(['prisma', 'alembic', 'rails'], 'must be prisma, alembic or rails')),
      command: v.optional(command),
      service: about('compose: the service whose image runs it', v.optional(name)),
      seconds: about('How long it may take (default 600)', v.optional(whole(1, 86_400))),
    }),
    v.check(
      ({ preset, command: own }) => !preset || !own || (Object.hasOwn(presets, preset) && presets[preset] === own),
      'has a preset and a command: say one',
    ),
  ),
  notText,
);

const expectations = {
  status: about('The HTTP status expected (default 200)', v.optional(whole(100, 599))),
  json: about(
    'Dotted path to the value expected; {sha} and {sha7} stand for the release',
    v.optional(
      v.pipe(v.custom<Record<string, string | number | boolean>>(isMap, mustBe('a map')), v.record(line, scalar)),
    ),
  ),
  header: about('A header expected', v.optional(shape({ name: line, value: line }))),
};
const oneProbe = v.optional(either(url, shape({ url: v.optional(url), ...expectations }), notText));
const health = shape({
  deadline: about('How long a release may take to be ready (default 60s)', v.optional(duration)),
  interval: about('Time between two looks (default 500ms)', v.optional(duration)),
  live: about('A URL that says the process runs', oneProbe),
  ready: about('A URL that says it can serve', oneProbe),
  version: about('A URL that names the release', oneProbe),
  probes: about('More probes, each with a name', v.optional(list(shape({ name, url, ...expectations })))),
});

const maintenance = shape({
  flag: about('The file the proxy tests (default maintenance/MAINTENANCE_ON)', v.optional(hostPath)),
  page: about('The page shown meanwhile: a file on this machine', v.optional(path)),
});

const upstream = either(
  whole(1, 65_535),
  shape({
    port: about('The port on the server, and that of the blue one', whole(1, 65_535)),
    green: about('switch blue-green: the port of the other one', v.optional(whole(1, 65_535))),
    variable: about('switch blue-green: the variable that tells the app its port', v.optional(variable)),
  }),
  notText,
);
const route = either(
  name,
  shape({
    to: about('A name under upstreams', v.optional(name)),
    folder: about('A folder on the host, served as it is', v.optional(proxyPath)),
    cache: about('How long the proxy keeps what it was answered', v.optional(duration)),
    api: about('Maintenance is told as JSON here', v.optional(yes)),
    timeout: about('Longest silence of an answer (default 60s)', v.optional(duration)),
    body_limit: about('Largest request, such as 200m', v.optional(size)),
  }),
  notText,
);
const site = shape({
  proxy: about(
    'The proxy in front (default nginx)',
    v.optional(v.picklist(['nginx', 'caddy'], 'must be nginx or caddy')),
  ),
  domains: about('The names visitors type; the first one names the certificate', v.optional(list(domain))),
  tls: about(
    'certbot, or off for a site that something else encrypts (default certbot)',
    v.optional(v.picklist(['certbot', 'off'], 'must be certbot or off')),
  ),
  email: about('Where the certificate authority writes to', v.optional(email)),
  acme: about('Another certificate authority than Let’s Encrypt: its directory', v.optional(url)),
  hsts: about('Tell browsers to come by https only (default true with tls)', v.optional(yes)),
  noindex: about('X-Robots-Tag: noindex (default: everywhere but in production)', v.optional(yes)),
  basic_auth: about('A password file (htpasswd) on the host', v.optional(proxyPath)),
  body_limit: about('Largest request (default 10m)', v.optional(size)),
  upstreams: about(
    'What the app listens on: a name and a port each',
    v.optional(
      v.pipe(v.custom<Record<string, v.InferInput<typeof upstream>>>(isMap, mustBe('a map')), v.record(name, upstream)),
    ),
  ),
  routes: about(
    'Which path goes where; the longest wins',
    v.optional(
      v.pipe(v.custom<Record<string, v.InferInput<typeof route>>>(isMap, mustBe('a map')), v.record(routePath, route)),
    ),
  ),
  drain: about('switch blue-green: how long old connections may go on (default 30s)', v.optional(duration)),
  hold: about('switch hold: how long a request waits at most (default 30s)', v.optional(duration)),
});

const instances = shape({
  ports: about('The ports on the server that copies may take, such as 8400-8499', portRange),
  domain: about('What copies are called: *.staging.example.org', wildcard),
  memory: about('The memory of each container at most (default 512m)', v.optional(size)),
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

const storeKind = <K extends string>(kind: K) => v.literal(kind, 'must be path, ssh or s3');
const isKind = (kind: string) => (value: unknown) =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
const storeElsewhere = either(
  shape({
    kind: about('A folder on a host, over ssh', storeKind('ssh')),
    host: about('A name under hosts', name),
    folder: about('The folder there, absolute', root),
  }),
  shape({
    kind: about('A bucket of anything that speaks S3', storeKind('s3')),
    bucket: about('The bucket', bucketName),
    endpoint: about('Its address; without it, the one of AWS for the region', v.optional(url)),
    region: about('Its region (default us-east-1, which most others take too)', v.optional(line)),
    prefix: about('What the keys begin with', v.optional(rootPath)),
    path_style: about('The bucket is in the path and not in the name (default: with an endpoint)', v.optional(yes)),
    key: about('Where the access key is', password),
    secret: about('Where its secret is', password),
  }),
  isKind('s3'),
);
const store = either(
  shape({
    kind: about('A folder on the machine where the task runs', storeKind('path')),
    folder: about('The folder', path),
  }),
  storeElsewhere,
  value => isKind('s3')(value) || isKind('ssh')(value),
);
const result = either(rootPath, v.literal('-', 'must be a path inside the root, or -'), value => value === '-');
const alertKinds = 'must be slack, webhook, healthchecks or mail';
const alert = either(
  shape({
    kind: about(
      'slack and what takes its messages, webhook: JSON, healthchecks: a ping on success and one on failure',
      v.picklist(['slack', 'webhook', 'healthchecks'], alertKinds),
    ),
    url: about('Where its address is, which is a secret', password),
  }),
  shape({
    kind: about("E-mail through this machine's sendmail", v.literal('mail', alertKinds)),
    to: about('To whom', mailbox),
  }),
  value => typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'mail',
);
const drill = shape({
  start: about('The command that starts the app from what was restored', command),
  env: about(
    'All that it gets of an environment; {port}, {database} and {files} stand for those of the drill',
    v.optional(variables(scalar)),
  ),
  ready: about('The path that must answer 2xx', askedPath),
  seconds: about('How long it may take until then (default 60)', v.optional(whole(1, 3600))),
  shared: about('What it may see of shared/ as it is, such as node_modules', v.optional(list(insidePath))),
});
const kept = (what: string) =>
  about(`Of how many ${what} one good backup stays (default 0)`, v.optional(whole(0, 1000)));
const backup = shape({
  stores: about('Names under stores: each gets every backup', v.optional(list(name))),
  files: about(
    'Folders and files to take along',
    v.optional(
      shape({
        include: about('Paths inside the root', v.optional(list(rootPath))),
        exclude: about("Patterns as after tar's --exclude", v.optional(list(line))),
        as: about('The user who may read and write them, through sudo', v.optional(user)),
        full_every: about(
          'How often all of them go along; in between, what changed since (default 7d)',
          v.optional(age),
        ),
      }),
    ),
  ),
  mode: about(
    'packs, or tarball: every backup is whole by itself (default packs)',
    v.optional(v.picklist(['packs', 'tarball'], 'must be packs or tarball')),
  ),
  encrypt: about(
    'Who can open backups: they leave the server encrypted with age',
    v.optional(
      shape({
        recipients: about(
          'Public keys: age1…, ssh-ed25519 …; [] when there is nothing to encrypt any more',
          list(recipient),
        ),
        identity: about('Where the key that opens them is; restore and drill need it', v.optional(password)),
      }),
    ),
  ),
  bucket: about(
    'A bucket that the app keeps its uploads in',
    v.optional(
      shape({
        from: about('A name under stores, of kind s3', name),
        prefix: about('Only what is below it', v.optional(rootPath)),
      }),
    ),
  ),
  own: about(
    "The app's own way of making a backup",
    v.optional(
      shape({
        command: about('Its words; on the host in the root, or in the service', list(line)),
        service: about('compose: the service it runs in', v.optional(name)),
        gives: about('The file or folder it makes, inside the root; - for what it prints', v.optional(result)),
        as: about('The user who runs it and may read what it gives, through sudo', v.optional(user)),
        seconds: about('How long it may take (default 600)', v.optional(whole(1, 86_400))),
      }),
    ),
  ),
  keep: about(
    'How many stay when backups are pruned (default: 14 days and 8 weeks in a folder, 30 days and 6 months elsewhere)',
    v.optional(shape({ daily: kept('days'), weekly: kept('weeks'), monthly: kept('months') })),
  ),
  alerts: about('Names under alerts: who is told what is wrong, and that it is well again', v.optional(list(name))),
  expected_every: about('How far apart backups are meant to be, such as 24h', v.optional(age)),
  proven_within: about(
    'A deploy wants a backup that a drill has proven and that is no older, such as 7d',
    v.optional(age),
  ),
  metrics: about('A file on the host that the node exporter of Prometheus reads', v.optional(metricsFile)),
  references: about('SQL whose rows are paths inside the root: files that must be there', v.optional(command)),
  drill: about('How a drill starts the app', v.optional(drill)),
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
  seed: about('How its data are made anew; never in production', v.optional(seed)),
  instances: about('How throw-away copies are made', v.optional(instances)),
  backup: about('What a backup takes, and where it goes', v.optional(backup)),
};
const named = <S extends Any>(value: S) =>
  v.pipe(v.custom<Record<string, v.InferInput<S>>>(isMap, mustBe('a map')), v.record(name, value));

/** The order in which people expect to read them. */
export const settingOrder: readonly string[] = Object.keys(settings);
/** The settings of one target after the merge. */
export const settingsSchema = shape(settings);
export const fileSchema = shape({
  defaults: about('Settings of every app', v.optional(settingsSchema)),
  hosts: about('Where apps run: local, or { ssh: user@host }', named(host)),
  stores: about('Where backups go: a folder here or on a host, or a bucket', v.optional(named(store))),
  alerts: about('Who can be told', v.optional(named(alert))),
  default_app: about('The app meant when --app is not given', v.optional(name)),
  apps: about(
    'What is operated',
    named(shape({ ...settings, environments: about('production, staging, …', named(settingsSchema)) })),
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
/** The settings when nothing is wrong with them. */
export function settingsIn(value: unknown): Settings | undefined {
  const parsed = v.safeParse(settingsSchema, value);
  return parsed.success ? parsed.output : undefined;
}
export function storeIn(value: unknown): WrittenStore | undefined {
  const parsed = v.safeParse(store, value);
  return parsed.success ? parsed.output : undefined;
}
export function alertIn(value: unknown): WrittenAlert | undefined {
  const parsed = v.safeParse(alert, value);
  return parsed.success ? parsed.output : undefined;
}
export function hostIn(value: unknown): WrittenHost | undefined {
  const parsed = v.safeParse(host, value);
  return parsed.success ? parsed.output : undefined;
}
