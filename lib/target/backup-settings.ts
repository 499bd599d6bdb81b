// The settings of backups: contents, stores, drills and alerts.
import type { SecretReference } from '../secret.ts';
import type { HostSettings } from './host-settings.ts';

export type Backup = {
  /** At least one, each with another name. */
  stores: StoreSettings[];
  /** Those of other targets in folders of a host, which may lie in what is backed up; missing: none. */
  otherStores?: StoreSettings[];
  files: BackupFiles | undefined;
  /** A bucket that the app keeps its uploads in; missing: none. */
  bucket?: BucketSource;
  /** What the app makes by itself; missing: nothing. */
  command?: AppCommand;
  /** Of how many days, weeks and months one good backup stays; undefined: what suits the kind of the store. */
  keep: { daily: number; weekly: number; monthly: number } | undefined;
  /** Where alerts are sent when something is wrong; missing: nowhere. */
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
  /** Shell text that is run beside the started app, and must exit with 0; missing: none. */
  check?: string;
  /** An application whose content is known; missing: another. */
  application?: 'writebook';
};

/** `url` is read when it is needed, and is a secret: who has it can write there. */
export type AlertSettings =
  | { name: string; kind: 'slack' | 'webhook' | 'healthchecks'; url: SecretReference }
  | { name: string; kind: 'mail'; to: string };

export type BackupFiles = {
  /** Relative to the root; none is inside another, and none has the database in it. */
  include: string[];
  /** Patterns as ops.yml has them, which lib/target/exclude-patterns.ts reads. */
  exclude: string[];
  /** The user who may read and write them; undefined: the deploy user. */
  as: string | undefined;
  /** All of them go along when the last full pack is this old; missing: in every backup. */
  fullEverySeconds?: number;
};

export type BucketSource = {
  from: Extract<StoreSettings, { kind: 's3' }>;
  /** Below the store's own prefix, without / at its end; '' is everything. */
  prefix: string;
};

export type AppCommand = {
  /** At least one word. */
  words: string[];
  /** compose: the service it runs in; undefined: on the host, in the root. */
  service: string | undefined;
  /** Relative to the root, written each time; '-': its output. */
  writes: string;
  /** undefined: the deploy user. */
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

/** Who can open what is packed for a target; nobody: it is not encrypted. */
export function recipientsOf({ backup }: { backup?: Backup }): readonly string[] {
  return backup?.encrypt?.recipients ?? [];
}
