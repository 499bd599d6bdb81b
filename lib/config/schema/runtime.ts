// The keys of ops.yml for the runtimes: compose, systemd, once, process.
import * as v from 'valibot';
import { optional, password, shape, variables } from './combinators.ts';
import { domain, imageName, path, name, yes, list, scalar, line, whole, insidePath, command, user } from './values.ts';

export const compose = shape({
  file: optional('The compose file: in repo at the released commit, else on this machine', path),
  project: optional('The compose project (default: <app>-<environment>)', name),
  accessories: optional('Services that no deploy stops or recreates, such as redis', list(name)),
  service: optional('The service that exec and migrate mean', name),
  variables: optional('Values for ${…} in the compose file; not for secrets', variables(scalar)),
  registry: optional(
    'Where images are pulled from',
    shape({ server: v.optional(line), username: v.optional(line), password: v.optional(password) }),
  ),
  stop_seconds: optional('Seconds between SIGTERM and SIGKILL (default 10)', whole(0, 600)),
});

const shared = optional('Paths inside a release that link to the same path under shared/', list(insidePath));
const install = optional('A command run in the new release before any downtime', command);

const start = optional('The command that starts the app', command);
export const systemd = shape({
  unit: optional('The unit, without .service', name),
  user: optional('The user that owns releases and runs the app', user),
  shared,
  install,
  start,
});

export const once = shape({
  host: optional('The host name that ONCE knows the app by', domain),
  image: optional('The image, without a tag: a release is the tag of its commit', imageName),
  tls: optional("Whether ONCE's proxy gets a certificate (default true); only the first deploy says it", yes),
});

export const process = shape({ start, shared, install });
