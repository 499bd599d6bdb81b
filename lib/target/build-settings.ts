// How the images of an app are built from a commit, with all defaults filled in.
import type { SecretReference } from '../secret.ts';

export type Build = {
  /** Server and owner, in lower case: `ghcr.io/heldpascal`. */
  registry: string;
  images: ImageSettings[];
  /** undefined: the commit's own files are built. */
  upstream?: UpstreamSettings;
};

/** Another project's tree, pinned and patched, that is built in place of the commit's own files. */
export type UpstreamSettings = {
  /** What git fetches from: an address, or a path on this machine. */
  repository: string;
  /** The branch that upstream-sync follows; undefined: its default branch. */
  branch: string | undefined;
  /** Folder in the commit with `upstream-commit` and the patches. */
  patches: string;
  /** Path in upstream's tree → the file or folder in the commit that is put there. */
  files: Record<string, string>;
  /** Google Analytics 4: the id, and the file of upstream's tree that gets the snippet. */
  ga4: { id: string; file: string } | undefined;
  /** File of upstream's tree that gets a version.json. */
  versionFile: string | undefined;
  pullRequest: PullRequestSettings;
};

/** Where upstream-sync writes. */
export type PullRequestSettings = {
  /** Of the remote `origin`. */
  branch: string;
  /** What it is to be merged into; undefined: the default branch of `origin`. */
  base: string | undefined;
  /** undefined: the branch is pushed, and no pull request is opened. */
  github: { token: SecretReference; url: string | undefined } | undefined;
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
