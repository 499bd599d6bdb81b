// The settings of instances of a target, and of seeding its data.
import type { Limits } from './runtime-settings.ts';

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
