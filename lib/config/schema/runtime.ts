// The keys of ops.yml for the runtimes: compose, systemd, process.
import * as v from 'valibot';
import { shape, about, variables, password } from './combinators.ts';
import { path, name, list, scalar, line, whole, insidePath, command, user } from './values.ts';

export const compose = shape({
  file: about('The compose file: in repo at the released commit, else on this machine', v.optional(path)),
  project: about('The compose project (default: <app>-<environment>)', v.optional(name)),
  accessories: about('Services that no deploy stops or recreates, such as redis', v.optional(list(name))),
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
export const systemd = shape({
  unit: about('The unit, without .service', v.optional(name)),
  user: about('The user that owns releases and runs the app', v.optional(user)),
  shared,
  install,
  start,
});

export const process = shape({ start, shared, install });
