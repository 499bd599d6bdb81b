// Bibliotheca on a droplet: the example's ops.yml, the unit that bookops renders, two environments with their own roots.
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBibliotheca, type Bibliotheca } from '../apps/bibliotheca.ts';
import { startDroplet, type Droplet } from '../droplet/droplet.ts';
import type { Place } from './look.ts';
import { example, makeSite, type Site } from './site.ts';

export type BibliothecaSite = {
  droplet: Droplet;
  app: Bibliotheca;
  site: Site;
  siteBy(way: { host?: string; port?: number }): Site;
};

export const bibliothecaRoot = { staging: '/opt/bibliotheca-staging', production: '/opt/bibliotheca' };

export const bibliothecaPlace = (environment: 'staging' | 'production'): Place => ({
  root: bibliothecaRoot[environment],
  database: `${bibliothecaRoot[environment]}/shared/bibliotheca.db`,
  flag: `${bibliothecaRoot[environment]}/maintenance/MAINTENANCE_ON`,
  asks: { url: `http://127.0.0.1:${environment === 'staging' ? 8081 : 8080}/ping`, sha: /^x-version: *([0-9a-f]+)/im },
  unit: environment === 'staging' ? 'bibliotheca-staging' : 'bibliotheca',
});

/** Boots it all, and prepares the server as the runbook says: once, as root. */
export async function bibliothecaOnDroplet(name: string): Promise<BibliothecaSite> {
  const droplet = await startDroplet(name);
  const app = await makeBibliotheca(mkdtempSync(join(tmpdir(), 'bookops-bibliotheca-')));
  const ops = (way?: { host?: string; port?: number }) =>
    example('bibliotheca', droplet, way).replace('repo: ../oratory-hearts-library', `repo: ${app.repo}`);
  const site = makeSite(ops());

  const env = readFileSync(new URL('../apps/bibliotheca/.env.example', import.meta.url), 'utf8');
  for (const [environment, root] of Object.entries(bibliothecaRoot)) {
    const unit = environment === 'staging' ? 'bibliotheca-staging' : 'bibliotheca';
    await droplet.root(`
      install -d -o deploy -g bib -m 755 ${root}
      install -d -o deploy -g bib -m 2755 ${root}/releases
      install -d -o bib -g bib -m 750 ${root}/shared
      install -d -o bib -g bib -m 755 ${root}/shared/storage ${root}/shared/logs`);
    await droplet.write(`${root}/shared/.env`, env.replaceAll('/opt/bibliotheca/', `${root}/`), '600');
    await droplet.root(`chown bib: ${root}/shared/.env`);
    const said = await site.task('config', 'unit', '--env', environment);
    if (said.code !== 0) throw new Error(said.stderr);
    await droplet.write(`/etc/systemd/system/${unit}.service`, said.stdout);
  }
  await droplet.root(
    'systemctl daemon-reload; systemctl enable bibliotheca bibliotheca-staging; usermod -aG systemd-journal deploy',
  );
  return { droplet, app, site, siteBy: way => makeSite(ops(way)) };
}

/** The SHA that answers at the environment's port. */
export async function serves(droplet: Droplet, environment: 'staging' | 'production'): Promise<string> {
  const port = environment === 'staging' ? 8081 : 8080;
  const said = await droplet.root(`curl -s -D - -o /dev/null --max-time 5 http://127.0.0.1:${port}/ping`);
  return /^x-version: *([0-9a-f]+)/im.exec(said.stdout)?.[1] ?? `nothing: ${said.stdout}${said.stderr}`;
}
