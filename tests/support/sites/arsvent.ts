// arsvent on a droplet: the example's ops.yml, images in a registry, two environments with files and folders of their own.
import { readFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeArsvent, type Arsvent } from '../apps/arsvent.ts';
import { startDroplet, type Droplet } from '../droplet/droplet.ts';
import { startRegistry, type Registry } from '../droplet/registry.ts';
import type { Place } from './look.ts';
import { example, makeSite, type Site } from './site.ts';

export type ArsventSite = {
  droplet: Droplet;
  registry: Registry;
  app: Arsvent;
  site: Site;
  siteBy(way: { host?: string; port?: number }): Site;
};

export const arsventRoot = { staging: '/opt/arsvent-2025/staging', production: '/opt/arsvent-2025/production' };

export const arsventPlace = (environment: 'staging' | 'production'): Place => ({
  root: arsventRoot[environment],
  database: `${arsventRoot[environment]}/data/backend/${environment === 'staging' ? 'staging' : 'prod'}.db`,
  flag: `${arsventRoot[environment]}/maintenance/MAINTENANCE_ON`,
  asks: {
    url: `http://127.0.0.1:${environment === 'staging' ? 4100 : 4000}/version.json`,
    sha: /"commitSha":"([0-9a-f]+)"/,
  },
  project: `arsvent-${environment}`,
});

/** Backups into a folder of this machine instead of the bucket, and nobody told of them. */
export function ontoDisk(ops: string): string {
  return ops
    .replace(/^stores:.*\n/m, 'stores:\n  disk: { kind: path, folder: ./store }\n')
    .replace('stores: [spaces]', 'stores: [disk]')
    .replace(/^ +alerts: \[.*\n/m, '');
}

/** Boots it all. `variants` are pushed besides good1 and good2; without `push` nothing is. */
export async function arsventOnDroplet(
  name: string,
  variants: (keyof Omit<Arsvent, 'repo' | 'contextFor'>)[] = [],
  { push = true } = {},
): Promise<ArsventSite> {
  const [droplet, registry] = [await startDroplet(name), await startRegistry()];
  const app = await makeArsvent(mkdtempSync(join(tmpdir(), 'bookops-arsvent-')));
  for (const variant of push ? (['good1', 'good2', ...variants] as const) : [])
    for (const part of ['backend', 'frontend'] as const)
      await registry.pushImage(`arsvent-${part}`, app[variant], await app.contextFor(app[variant], part));

  const env = readFileSync(new URL('../apps/arsvent/backend/.env.example', import.meta.url), 'utf8');
  const files = {
    staging: env.replace('/app/data/prod.db', '/app/data/staging.db'),
    production: env
      .replace('APP_ENV=staging', 'APP_ENV=production')
      .replace('IS_PRODUCTION=false', 'IS_PRODUCTION=true'),
  };
  for (const [environment, text] of Object.entries(files)) {
    await droplet.asDeploy(`mkdir -p /opt/arsvent-2025/${environment}/{env,data/backend,data/redis}`);
    await droplet.write(`/opt/arsvent-2025/${environment}/env/backend.env`, text, '600');
    await droplet.root(`chown -R deploy: /opt/arsvent-2025/${environment}/env`);
  }
  const ops = (way?: { host?: string; port?: number }) =>
    example('arsvent', droplet, way)
      .replace('repo: ../arsvent-2025', `repo: ${app.repo}`)
      .replace('server: ghcr.io', `server: ${registry.server}`)
      .replace('username: heldpascal', `username: ${registry.username}`)
      .replace('ghcr.io/heldpascal', registry.server);
  const secrets = { GHCR_TOKEN: registry.password };
  return { droplet, registry, app, site: makeSite(ops(), secrets), siteBy: way => makeSite(ops(way), secrets) };
}

/** What a visitor of the environment's backend sees. */
export async function serves(droplet: Droplet, environment: 'staging' | 'production'): Promise<string> {
  const port = environment === 'staging' ? 4100 : 4000;
  const said = await droplet.root(`curl -s --max-time 5 http://127.0.0.1:${port}/version.json`);
  return /"commitSha":"([0-9a-f]+)"/.exec(said.stdout)?.[1] ?? `nothing: ${said.stdout}${said.stderr}`;
}
