// Rules across the settings of a database: two kinds at once, a server that a deploy would stop, a URL that no environment file has.
import { posix } from 'node:path';
import type { Complaints } from '../../yaml/problems.ts';
import type { Settings } from '../schema/file.ts';
import { unknown } from './unknown-name.ts';

export function databaseFaults(settings: Settings, { wrong, from }: Complaints): void {
  const { database, root } = settings;
  if (!database) return;
  const { sqlite, postgres } = database;
  if (!sqlite && !postgres) wrong(['database', 'sqlite'], 'is missing, and so is postgres: say which it is');
  if (sqlite && postgres)
    wrong(['database', 'postgres'], `is a second database beside sqlite (${from('database', 'sqlite')}): say one`);
  for (const folder of ['releases', 'current'])
    if (root && sqlite?.startsWith(posix.join(root, folder, '/')))
      wrong(['database', 'sqlite'], `is inside ${folder}/, so each release would have another one: keep it in shared/`);
  if (!postgres) return;

  if (database.exclusive !== undefined)
    wrong(['database', 'exclusive'], 'is for sqlite: a Postgres server takes any number of programs');
  if ((postgres.service === undefined) === (postgres.url === undefined))
    wrong(['database', 'postgres'], 'needs either service, with user and name, or url');
  else if (postgres.service === undefined) urlFaults(settings, { wrong, from });
  else serviceFaults(settings, { wrong, from });
}

function serviceFaults({ database, runtime, compose }: Settings, { wrong, from }: Complaints): void {
  const { service = '', user, name } = database?.postgres ?? {};
  const at = ['database', 'postgres'];
  if (runtime !== 'compose') wrong([...at, 'service'], `is only for runtime compose (${from('runtime')}): take url`);
  else if (!compose?.accessories?.includes(service))
    wrong(
      [...at, 'service'],
      `${service} is not in compose.accessories, so a deploy would stop it with the app: put it there`,
    );
  if (user === undefined) wrong([...at, 'user'], 'is missing: the user of the database, as in POSTGRES_USER');
  if (name === undefined) wrong([...at, 'name'], 'is missing: the database, as in POSTGRES_DB');
  if (database?.as !== undefined)
    wrong(['database', 'as'], `is not used: the programs run in the container of ${service}`);
}

function urlFaults({ database, env }: Settings, { wrong }: Complaints): void {
  const { url = '', user, name } = database?.postgres ?? {};
  const at = ['database', 'postgres'];
  for (const [key, value] of Object.entries({ user, name }))
    if (value !== undefined) wrong([...at, key], 'is for service: the URL says it already');
  const keys = (env ?? []).flatMap(file => Object.keys(file.keys ?? {}));
  if (!keys.includes(url)) wrong([...at, 'url'], unknown('key of env', url, keys));
}
