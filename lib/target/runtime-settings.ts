// What runs an app: Compose, systemd, ONCE, or a process of the user's own.
import type { SecretReference } from '../secret.ts';

export type ComposeSettings = {
  kind: 'compose';
  /** The compose file: in `repo` at the released commit when there is a repo, else a file on this machine (absolute). */
  file: string;
  project: string;
  /** Services that no deploy stops or recreates, such as redis. */
  accessories: string[];
  /** The service that `exec` and `migrate` use by default. */
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

export type OnceSettings = {
  kind: 'once';
  /** The host name that ONCE knows the app by, which is also how visitors reach it. */
  host: string;
  /** The image without its tag; a release is its commit's tag, pinned to the digest. */
  image: string;
  /** Whether ONCE's proxy gets a certificate; false: something in front of it does. */
  tls: boolean;
};

export type ProcessSettings = {
  kind: 'process';
  /** Run by bash in the release's folder with the variables of the env files. */
  start: string;
  shared: string[];
  install: string | undefined;
};
