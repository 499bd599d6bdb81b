// The shape of one target: an app in an environment on its host, with all defaults filled in.
import type { Backup } from './backup-settings.ts';
import type { Build } from './build-settings.ts';
import type { Database, Migration } from './database-settings.ts';
import type { EnvFile } from './env-rules.ts';
import type { Health } from './health-settings.ts';
import type { HostSettings } from './host-settings.ts';
import type { Instance, Instances, Seed } from './instance-settings.ts';
import type { ComposeSettings, OnceSettings, ProcessSettings, SystemdSettings } from './runtime-settings.ts';
import type { Maintenance, Site } from './site-settings.ts';
import type { WritebookSettings } from './writebook-settings.ts';

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
  runtime: ComposeSettings | SystemdSettings | OnceSettings | ProcessSettings;
  env: EnvFile[];
  database: Database | undefined;
  migrate: Migration | undefined;
  health: Health;
  maintenance: Maintenance;
  /** undefined: no proxy of ours is in front. */
  site: Site | undefined;
  /** How throw-away copies of this target are made; missing: not at all. */
  instances?: Instances;
  /** How its data are recreated; missing: never. */
  seed?: Seed;
  /** How its images are built; missing: somebody else does. */
  build?: Build;
  /** What a backup takes, and where it goes; missing: there is none. */
  backup?: Backup;
  /** Its book of Writebook; missing: nothing is said about one. */
  writebook?: WritebookSettings;
  /** This target is such a copy itself, made by lib/instance/target.ts. */
  instance?: Instance;
};
