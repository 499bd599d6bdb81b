// The keys of ops.yml for a database and its migrations.
import * as v from 'valibot';
import { either, notText, optional, shape } from './combinators.ts';
import { oneOf, name, line, variable, yes, whole, user, hostPath, command } from './values.ts';

/** The commands behind `migrate: prisma` and its like. */
export const presets = {
  prisma: 'npx prisma migrate deploy',
  alembic: 'alembic upgrade head',
  rails: 'bin/rails db:migrate',
};

const postgres = shape({
  service: optional('compose: the service that is the server', name),
  user: optional('service: its user', line),
  name: optional('service: the database', line),
  url: optional('The variable in an environment file on the host that has the URL', variable),
});

export const database = shape({
  sqlite: optional('The database file on the host', hostPath),
  postgres: optional('A service of the compose project, or a URL', postgres),
  as: optional('The user who may read and write it, through sudo', user),
  exclusive: optional('sqlite: only one process may have it open (default true): no switch with two at once', yes),
  snapshots: optional('Folder for snapshots before a deploy (default backups/snapshots)', hostPath),
  keep: optional('How many snapshots stay (default 7)', whole(1, 1000)),
});

export const migrate = either(
  command,
  v.pipe(
    shape({
      preset: v.optional(oneOf('prisma', 'alembic', 'rails')),
      command: v.optional(command),
      service: optional('compose: the service whose image runs it', name),
      seconds: optional('How long it may take (default 600)', whole(1, 86_400)),
    }),
    v.check(
      ({ preset, command: own }) => !preset || !own || (Object.hasOwn(presets, preset) && presets[preset] === own),
      'has a preset and a command: say one',
    ),
  ),
  notText,
);
