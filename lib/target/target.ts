// The shape of one target: an app in an environment on its host, all defaults filled, nothing left to guess.

export type Target = {
  app: string;
  environment: string;
  host: HostSettings;
  /** Absolute POSIX folder on the host; every path below is absolute, resolved against it. */
  root: string;
  paths: {
    /** releases.log, current_release, previous_release, one folder per release, and .keeper/ */
    releases: string;
    /** <root>/current, the link that systemd and process runtimes follow */
    current: string;
    shared: string;
  };
  /** Folder of the app's git clone on this machine, absolute; undefined when only --sha deploys are meant. */
  repo: string | undefined;
  /** The ref that a deploy without --sha or --ref takes. */
  tracks: string;
  /** The environment whose release log must show a SHA live before this one takes it; undefined: no rule. */
  requires: string | undefined;
  switch: 'maintenance' | 'hold' | 'blue-green';
  /** How many good releases stay on the host, the current one counted. At least 2. */
  keep: number;
  runtime: ComposeSettings | SystemdSettings | ProcessSettings;
  env: EnvFile[];
  database: Database | undefined;
  migrate: Migration | undefined;
  health: Health;
  maintenance: Maintenance;
  /** undefined: no proxy of ours stands in front. */
  site: Site | undefined;
  /** How throw-away copies of this target are made; missing: not at all. */
  instances?: Instances;
  /** How its data are made anew; missing: never. */
  seed?: Seed;
  /** What a backup takes, and where it goes; missing: there is none. */
  backup?: Backup;
  /** This target is such a copy itself, made by lib/instance/target.ts. */
  instance?: Instance;
};

export type HostSettings =
  | { name: string; kind: 'local' }
  | {
      name: string;
      kind: 'ssh';
      /** What stands in ops.yml: `user@host`, `user@host:port`, or an alias of ~/.ssh/config. */
      address: string;
      /** Pinned public keys, `ssh-ed25519 AAAA…`; when there is one, known_hosts is not read. */
      hostKeys: string[];
      /** A private key file on this machine, absolute. */
      identity: string | undefined;
      /** A jump host, as after `ssh -J`; undefined: what ~/.ssh/config says. */
      jump: string | undefined;
      /** Pinned public keys of the jump host. */
      jumpHostKeys: string[];
    };

/** Where a secret is to be found on this machine; its value is read only when it is needed. */
export type SecretReference = { env: string } | { file: string };

export type ComposeSettings = {
  kind: 'compose';
  /** The compose file: in `repo` at the released commit when there is a repo, else a file on this machine (absolute). */
  file: string;
  project: string;
  /** Services that no deploy stops or recreates, such as redis. */
  stay: string[];
  /** The service that `exec` and `migrate` mean unless told. */
  service: string;
  /** Values for the ${…} of the compose file besides IMAGE_TAG. Not for secrets. */
  variables: Record<string, string>;
  registry: { server: string; username: string; password: SecretReference } | undefined;
  /** Seconds a container gets between SIGTERM and SIGKILL. */
  stopSeconds: number;
  /** What each container may take at most; missing: what the compose file says. */
  limits?: Limits;
};

export type Limits = { memory: string; cpus: number };

export type SystemdSettings = {
  kind: 'systemd';
  /** Unit name without `.service`. */
  unit: string;
  /** The user that owns releases and runs the app; commands on its files go through `sudo -n -u`. */
  user: string;
  /** Paths inside a release that link to the same path under shared/. */
  shared: string[];
  /** A command run in the new release's folder as `user` before any downtime. */
  install: string | undefined;
  /** What the unit starts (for the unit template). */
  start: string;
};

export type ProcessSettings = {
  kind: 'process';
  /** Run by bash in the release's folder with the variables of the env files. */
  start: string;
  shared: string[];
  install: string | undefined;
};

export type EnvFile = {
  /** Absolute path on the host. */
  file: string;
  keys: Record<string, KeyRule>;
  checks: CrossCheck[];
};

export type KeyRule = {
  /** Default true. An optional key that is present still obeys the other rules. */
  required: boolean;
  oneOf?: string[];
  /** A regular expression the whole value must match. */
  pattern?: string;
  number?: { min?: number; max?: number; whole?: boolean };
  minLength?: number;
  /** Refuse values with changeme, change_me, replace, example, default, your-, placeholder, secret-key … (any case). */
  placeholder?: 'refuse';
};

/** When every pair of `when` holds, every pair of `then` must; `sameOrigin` lists keys whose URLs share scheme, host and port. */
export type CrossCheck =
  | { when: Record<string, string>; then: Record<string, string>; because?: string }
  | { sameOrigin: string[]; because?: string };

export type Database = SqliteDatabase | PostgresDatabase;

export type SqliteDatabase = {
  kind: 'sqlite';
  /** Absolute path of the database file on the host. */
  file: string;
  /** The user who may read and write it, through `sudo -n -u`; undefined: the user who deploys. */
  as: string | undefined;
  /** Two processes must never have it open at once. */
  exclusive: boolean;
  /** Folder for the snapshots taken before a deploy changes the database. */
  snapshots: string;
  /** How many of them stay. */
  keep: number;
};

export type PostgresDatabase = {
  kind: 'postgres';
  /** A service of the compose project that no deploy stops, or the variable of an env file on the host that has its URL. */
  at: { service: string; user: string; name: string } | { variable: string };
  /** The user who may read that env file, through `sudo -n -u`; undefined: the user who deploys. */
  as: string | undefined;
  /** Folder for the dumps taken before a deploy changes the database, and how many of them stay. */
  snapshots: string;
  keep: number;
};

export type Migration = {
  /** Shell text: prisma, alembic and rails presets are expanded to theirs. */
  command: string;
  preset: 'prisma' | 'alembic' | 'rails' | undefined;
  /** compose: the service whose image runs it. */
  service: string | undefined;
  /** Seconds it may take. */
  seconds: number;
};

export type Health = { probes: Probe[]; deadlineSeconds: number; intervalSeconds: number };

export type Probe = {
  /** live · ready · version · any word */
  name: string;
  url: string;
  status: number;
  /** Dotted path to expected value; in text values `{sha}` and `{sha7}` stand for the release's. */
  json: Record<string, string | number | boolean>;
  /** Expected header, the same placeholders. */
  header: { name: string; value: string } | undefined;
};

export type Maintenance = {
  /** The flag file that the proxy tests, absolute. */
  flag: string;
  /** Where the page stands on the host: maintenance.html beside the flag. */
  page: string;
  /** The page's file on this machine, absolute; undefined: the built-in page. */
  source: string | undefined;
};

/** What stands in front of the app. Every text here is safe inside a proxy's configuration: lib/config/schema/values.ts saw to it. */
export type Site = {
  proxy: 'nginx' | 'caddy';
  /** At least one; the first names the certificate. */
  domains: string[];
  tls: 'certbot' | 'off';
  email: string | undefined;
  /** The directory of another certificate authority; undefined: Let's Encrypt. */
  acme: string | undefined;
  hsts: boolean;
  noindex: boolean;
  /** A htpasswd file on the host, absolute. */
  basicAuth: string | undefined;
  /** `10m` */
  bodyLimit: string;
  upstreams: Upstream[];
  /** The longest path first. */
  routes: Route[];
  /** Seconds that old connections may go on after a blue-green switch. */
  drainSeconds: number;
  /** Seconds that a request waits at most in a hold switch. */
  holdSeconds: number;
  /** <root>/proxy on the host: site.conf, and the files whose presence the proxy tests on each request. */
  folder: string;
};

/** `variable` tells the app of a colour its port. */
export type Upstream = { name: string; port: number; green: number | undefined; variable: string | undefined };

export type Route = {
  /** `/`, `/api/` (everything below), `/robots.txt` (only this). */
  path: string;
  goes: { upstream: string; cacheSeconds: number | undefined; timeoutSeconds: number } | { folder: string };
  /** Maintenance is told as JSON. */
  api: boolean;
  bodyLimit: string | undefined;
};

export type Backup = {
  /** At least one, each with another name. */
  stores: StoreSettings[];
  /** Those of other targets in folders of a host, which may lie in what is backed up; missing: none. */
  otherStores?: StoreSettings[];
  files: BackupFiles | undefined;
  /** A bucket that the app keeps its uploads in; missing: none. */
  bucket?: BucketSource;
  /** What the app makes by itself; missing: nothing. */
  own?: OwnWay;
  /** Of how many days, weeks and months one good backup stays; undefined: what suits the kind of the store. */
  keep: { daily: number; weekly: number; monthly: number } | undefined;
  /** Who is told when something is wrong; missing: nobody. */
  alerts?: AlertSettings[];
  /** Seconds from one backup to the next; missing: nobody minds. */
  everySeconds?: number;
  /** A deploy wants a proven backup that is no older, in seconds; missing: no rule. */
  provenSeconds?: number;
  /** The metrics' file on the host, absolute. */
  metrics?: string;
  /** SQL whose rows are paths relative to the root. */
  references?: string;
  /** How a drill starts the app; missing: not at all. */
  drill?: DrillStart;
  /** Missing: backups are not encrypted, and never were. */
  encrypt?: Encryption;
};

export type Encryption = {
  /** Public keys as age takes them; none: only older backups are encrypted. */
  recipients: string[];
  /** What opens them, on this machine; undefined: nothing can be restored from here. */
  identity: SecretReference | undefined;
};

export type DrillStart = {
  /** Shell text. */
  start: string;
  /** The whole environment; `{port}`, `{database}` and `{files}` stand for those of the drill. */
  env: Record<string, string>;
  /** The path that must answer 2xx. */
  ready: string;
  /** How long it may take until then. */
  seconds: number;
  /** Those of the runtime's shared paths that it sees as they are. */
  shared: string[];
};

/** `url` is read when it is needed, and is a secret: who has it can write there. */
export type AlertSettings =
  | { name: string; kind: 'slack' | 'webhook' | 'healthchecks'; url: SecretReference }
  | { name: string; kind: 'mail'; to: string };

export type BackupFiles = {
  /** Relative to the root; none is inside another, and none has the database in it. */
  include: string[];
  /** Patterns as ops.yml has them, which lib/backup/files/exclude-patterns.ts reads. */
  exclude: string[];
  /** The user who may read and write them; undefined: the user who deploys. */
  as: string | undefined;
  /** All of them go along when the last full pack is this old; missing: in every backup. */
  fullEverySeconds?: number;
};

export type BucketSource = {
  from: Extract<StoreSettings, { kind: 's3' }>;
  /** Below the store's own prefix, without / at its end; '' is everything. */
  prefix: string;
};

export type OwnWay = {
  /** At least one word. */
  words: string[];
  /** compose: the service it runs in; undefined: on the host, in the root. */
  service: string | undefined;
  /** Relative to the root, made anew each time; '-': what it prints. */
  gives: string;
  /** undefined: the user who deploys. */
  as: string | undefined;
  seconds: number;
};

export type StoreSettings =
  | {
      name: string;
      kind: 'path';
      /** Absolute folder on this machine. */
      folder: string;
    }
  | {
      name: string;
      kind: 'ssh';
      host: HostSettings;
      /** Absolute folder on that host. */
      folder: string;
    }
  | {
      name: string;
      kind: 's3';
      bucket: string;
      endpoint: string | undefined;
      region: string;
      /** What the keys begin with, without / at its end; '' is nothing. */
      prefix: string;
      pathStyle: boolean;
      /** Of all but small objects; missing: the bucket's own. */
      storageClass?: string;
      key: SecretReference;
      secret: SecretReference;
    };

export type Instances = {
  /** The ports on the server that copies may take, both counted. */
  ports: { first: number; last: number };
  /** `staging.example.org`: the name of a copy goes in front. */
  domain: string;
  limits: Limits;
  data: InstanceData;
  /** Keys of the environment files that a copy has another value for; `{name}` and `{domain}` stand for its own. */
  env: Record<string, string>;
};

/** What a copy begins with: nothing, a list of users, or what its base has now. */
export type InstanceData = 'empty' | 'seed' | 'snapshot';

export type Instance = {
  name: string;
  /** The environment that it is a copy of. */
  base: string;
  /** <root of the base>/instances: all copies, and what ends them. */
  folder: string;
};

export type Seed = {
  /** Shell text that reads the users as JSON on its standard input. */
  command: string;
  /** Shell text that empties the data first. */
  reset: string | undefined;
  /** compose: the service whose image runs both. */
  service: string | undefined;
  /** Seconds that each may take. */
  seconds: number;
  /** What the environment files on the host must say. */
  guards: Record<string, string>;
};
