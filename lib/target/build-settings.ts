// How the images of an app are built from a commit, with all defaults filled in.
import type { SecretReference } from '../secret.ts';

export type Build = {
  /** Server and owner, in lower case: `ghcr.io/heldpascal`. */
  registry: string;
  images: ImageSettings[];
};

export type ImageSettings = {
  /** Below `registry`, without a tag. */
  name: string;
  /** Folder in the commit; `.` is its top. */
  context: string;
  /** File in the commit. */
  dockerfile: string;
  /** The stage; undefined: the last one. */
  target: string | undefined;
  /** `linux/arm64` …; empty: that of the engine which builds. */
  platforms: string[];
  /** Build arguments, `{sha}`, `{sha7}` and `{created}` not filled in. Anybody with the image can read them. */
  args: Record<string, string>;
  /** Id of `RUN --mount=type=secret` → where its value is. */
  secrets: Record<string, SecretReference>;
  cacheFrom: string[];
  cacheTo: string[];
  provenance: 'min' | 'max' | undefined;
  /** undefined: it is not tried out. */
  smoke: Smoke | undefined;
};

/** How an image is tried out before it is pushed. */
export type Smoke = {
  /** Of the container, asked over HTTP; undefined: its own health check decides, or that it goes on running. */
  port: number | undefined;
  path: string;
  status: number;
  json: Record<string, string | number | boolean>;
  env: Record<string, string>;
  /** How long it may take to be ready. */
  seconds: number;
};
