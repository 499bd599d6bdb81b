// The keys of ops.yml for a database and its migrations.
import * as v from 'valibot';
import { shape, about, notText, either } from './combinators.ts';
import { name, line, variable, yes, whole, user, hostPath, command } from './values.ts';

/** The commands behind `migrate: prisma` and its like. */
export const presets = {
  prisma: 'npx prisma migrate deploy',
  alembic: 'alembic upgrade head',
  rails: 'bin/rails db:migrate',
};

const postgres = shape({
  service: about('compose: the service that is the server', v.optional(name)),
  user: about('service: its user', v.optional(line)),
  name: about('service: the database', v.optional(line)),
  url: about('The variable in an environment file on the host that has the URL', v.optional(variable)),
});

export const database = shape({
  sqlite: about('The database file on the host', v.optional(hostPath)),
  postgres: about('A service of the compose project, or a URL', v.optional(postgres)),
  as: about('The user who may read and write it, through sudo', v.optional(user)),
  exclusive: about(
    'sqlite: only one process may have it open (default true): no switch with two at once',
    v.optional(yes),
  ),
  snapshots: about('Folder for snapshots before a deploy (default backups/snapshots)', v.optional(hostPath)),
  keep: about('How many snapshots stay (default 7)', v.optional(whole(1, 1000))),
});

export const migrate = either(
  command,
  v.pipe(
    shape({
      preset: v.optional(v.picklist(['prisma', 'alembic', 'rails'], 'must be prisma, alembic or rails')),
      command: v.optional(command),
      service: about('compose: the service whose image runs it', v.optional(name)),
      seconds: about('How long it may take (default 600)', v.optional(whole(1, 86_400))),
    }),
    v.check(
      ({ preset, command: own }) => !preset || !own || (Object.hasOwn(presets, preset) && presets[preset] === own),
      'has a preset and a command: say one',
    ),
  ),
  notText,
);
