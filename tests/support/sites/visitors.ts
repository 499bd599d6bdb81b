// The app that watches deploys from inside, on a droplet behind real nginx, with the switch that is to be tried.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Target } from '../../../lib/target/target.ts';
import { makeVisitors, type Visitors } from '../apps/visitors.ts';
import { startDroplet, type Droplet } from '../droplet/droplet.ts';
import { takeNode } from '../droplet/image.ts';
import { startLoad, type Load, type LoadOptions } from '../droplet/load.ts';
import { startRegistry, type Registry } from '../droplet/registry.ts';
import { ended, type Place } from './look.ts';
import { hostLines, makeSite, type Site } from './site.ts';

export type VisitorsSite = {
  droplet: Droplet;
  /** compose only. */
  registry: Registry | undefined;
  app: Visitors;
  site: Site;
  place: Place;
  /** Visitors who come through nginx. */
  visit(options?: Partial<LoadOptions>): Load;
  /** What the app wrote about a second writer; empty: there never was one. */
  twoWriters(): Promise<string>;
};

export const visitorsRoot = '/opt/visitors';
export const visitorsDomain = 'visitors.test';
const blue = 4200;
const green = 4201;

type Choice = {
  runtime: 'compose' | 'systemd';
  switch: Target['switch'];
  /** https with the self-signed certificate (true), or plain http. */
  tls?: boolean;
  /** Milliseconds between the start of the process and its first answer (300). */
  startDelay?: number;
};

/** Boots it all and prepares the server once as root; nothing is deployed yet, and nginx knows nothing of it. */
export async function visitorsOnDroplet(name: string, choice: Choice): Promise<VisitorsSite> {
  const { runtime, tls = true, startDelay = 300 } = choice;
  const droplet = await startDroplet(name);
  const registry = runtime === 'compose' ? await startRegistry() : undefined;
  const app = await makeVisitors(mkdtempSync(join(tmpdir(), 'bookops-visitors-')));
  for (const sha of registry ? [app.good1, app.good2, app.good3, app.neverReady, app.exitsAtOnce] : [])
    await registry?.pushImage('visitors', sha, await app.contextFor(sha));

  // two versions at once may not both take the lock
  const writers = choice.switch === 'blue-green' ? 'many' : 'one';
  const parts = registry
    ? composeLines(registry, { START_DELAY_MS: startDelay, WRITERS: writers, DATA_DIR: `${visitorsRoot}/data` })
    : systemdLines;
  const site = makeSite(opsOf(droplet, app, choice.switch, tls, parts), registry ? { TOKEN: registry.password } : {});

  await sure(
    droplet,
    `install -d -o deploy -g bib -m 755 ${visitorsRoot}
     # Debian's 768 connections are for one visitor each who waits
     sed -i 's/worker_connections 768/worker_connections 8192/; 1i worker_rlimit_nofile 20000;' /etc/nginx/nginx.conf
     rm -f /etc/nginx/sites-enabled/default
     systemctl restart nginx`,
  );
  if (registry) await sure(droplet, `install -d -o deploy ${visitorsRoot}/data`);
  else {
    await sure(
      droplet,
      `${takeNode}
       install -d -o deploy -g bib -m 2755 ${visitorsRoot}/releases
       install -d -o bib -g bib -m 755 ${visitorsRoot}/shared ${visitorsRoot}/shared/data
       printf '%s\\n' PORT=${blue} HOST=127.0.0.1 DATA=${visitorsRoot}/shared/data WRITERS=${writers} START_DELAY_MS=${startDelay} >${visitorsRoot}/shared/.env
       chown bib: ${visitorsRoot}/shared/.env`,
    );
    const said = await site.task('config', 'unit', '--env', 'production');
    if (said.code !== 0) throw new Error(said.stderr);
    await droplet.write('/etc/systemd/system/bibliotheca-visitors.service', said.stdout);
    await sure(
      droplet,
      'systemctl daemon-reload; systemctl enable bibliotheca-visitors; usermod -aG systemd-journal deploy',
    );
  }
  const data = registry ? `${visitorsRoot}/data` : `${visitorsRoot}/shared/data`;
  return {
    droplet,
    registry,
    app,
    site,
    place: {
      root: visitorsRoot,
      database: `${data}/writer.lock`,
      flag: `${visitorsRoot}/maintenance/MAINTENANCE_ON`,
      asks: { url: `http://127.0.0.1:${blue}/version.json`, sha: /"commitSha":"([0-9a-f]+)"/ },
      ...(registry ? { project: 'visitors-production' } : { unit: 'bibliotheca-visitors' }),
    },
    visit: options =>
      startLoad({ origin: `${tls ? 'https' : 'http'}://${droplet.ip}`, domain: visitorsDomain, ...options }),
    twoWriters: async () => (await droplet.root(`cat ${data}/two-writers 2>/dev/null`)).stdout,
  };
}

/** A compose app has one container under its first name, of the version of the record, and nothing else is left of an attempt. */
export async function onlyOneServes({ droplet }: VisitorsSite, sha: string): Promise<void> {
  const said = await droplet.root(`cd ${visitorsRoot}
    echo "record $(cat releases/current_release)"
    echo "visitors $(curl -sk --resolve ${visitorsDomain}:443:127.0.0.1 https://${visitorsDomain}/version.json)"
    echo "containers $(docker ps -a --format '{{.Names}} {{.State}}' | xargs)"
    echo "again $(docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' $(docker ps -aq) | xargs)"
    echo "left $(ls -d releases/.keeper/journal releases/*/replaces proxy/hold releases/.keeper/bookops.* /dev/shm/bookops.* 2>/dev/null; find . -name '*.new')"`);
  assert.equal(
    said.stdout.split('\n').map(line => line.trimEnd()),
    [
      `record ${sha}`,
      `visitors {"commitSha":"${sha}"}`,
      'containers visitors-production-web-1 running',
      'again unless-stopped',
      'left',
      '',
    ],
  );
}

/** Puts the site in place and ties it to nginx, as root does once. */
export async function reachedByVisitors({ droplet, site }: VisitorsSite): Promise<void> {
  ended(await site.task('site', 'apply', '--env', 'production'), 1);
  await sure(
    droplet,
    `ln -sfn ${visitorsRoot}/proxy/site.conf /etc/nginx/sites-enabled/visitors-production.conf; nginx -t -q; systemctl reload nginx`,
  );
  ended(await site.task('site', 'apply', '--env', 'production'), 0);
}

function opsOf(droplet: Droplet, app: Visitors, how: Target['switch'], tls: boolean, parts: string): string {
  return `hosts:
  vps:
${hostLines(droplet)}
apps:
  visitors:
    host: vps
    repo: ${app.repo}
    switch: ${how}
${parts}
    health:
      deadline: 20s
      interval: 100ms
      live: http://127.0.0.1:${blue}/livez
      ready: { url: 'http://127.0.0.1:${blue}/readyz', json: { status: ok } }
      version: { url: 'http://127.0.0.1:${blue}/version.json', json: { commitSha: '{sha}' } }
    site:
      domains: [${visitorsDomain}]
      tls: ${tls ? 'certbot' : 'off'}
      upstreams:
        web: { port: ${blue}, green: ${green}, variable: PORT }
      routes:
        /: web
    environments:
      production:
        root: ${visitorsRoot}
`;
}

const systemdLines = `    runtime: systemd
    systemd:
      unit: bibliotheca-visitors
      user: bib
      shared: [data]
      start: /usr/local/bin/node server.mjs
    env: [{ file: shared/.env, keys: { PORT: required } }]`;

function composeLines(registry: Registry, variables: Record<string, string | number>): string {
  return `    runtime: compose
    compose:
      file: ops/docker-compose.yml
      service: web
      stop_seconds: 20
      registry: { server: '${registry.server}', username: ${registry.username}, password: { env: TOKEN } }
      variables:
        IMAGE_REGISTRY: ${registry.server}
        PORT: ${blue}
${Object.entries(variables)
  .map(([name, value]) => `        ${name}: '${value}'`)
  .join('\n')}`;
}

async function sure(droplet: Droplet, script: string): Promise<void> {
  const said = await droplet.root(`set -e\n${script}`);
  if (said.code !== 0) throw new Error(`on droplet ${droplet.name}: ${said.stderr || said.stdout}`);
}
