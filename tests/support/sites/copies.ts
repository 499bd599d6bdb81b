// arsvent's two environments behind nginx, and staging with what makes throw-away copies and seeds: lines for its ops.yml.
import type { Droplet } from '../droplet/droplet.ts';
import { answer } from '../droplet/program.ts';
import type { Site } from './site.ts';

const proxied = (domain: string, backend: number, frontend: number) => `
        site:
          domains: [${domain}]
          tls: 'off'
          upstreams: { backend: ${backend}, frontend: ${frontend} }
          routes:
            /: frontend
            /api/: { to: backend, api: true }`;

const copies = `
        keep: 2
        seed:
          command: node seed.mjs
          reset: node seed.mjs --reset
          guards: { APP_ENV: staging, IS_PRODUCTION: 'false' }
        instances:
          ports: 8400-8419
          domain: '*.staging.arsvent.test'
          memory: 160m
          cpus: 0.5
          env:
            FRONTEND_ORIGIN: https://{domain}
            DISCORD_CALLBACK_URL: https://{domain}/auth/discord/callback`;

export const tieLine =
  "echo 'include /opt/arsvent-2025/staging/instances/*/proxy/site.conf;' | sudo tee /etc/nginx/sites-enabled/arsvent-staging-instances.conf && sudo nginx -t && sudo systemctl reload nginx";

/** Writes the settings, and starts nginx without its own page. */
export async function withCopies(site: Site, droplet: Droplet): Promise<void> {
  site.rewrite(text =>
    text
      .replace(/^ +root: .*\/staging$/m, found => found + proxied('staging.arsvent.test', 4100, 4273) + copies)
      .replace(/^ +root: .*\/production$/m, found => found + proxied('arsvent.test', 4000, 4173)),
  );
  await droplet.root('rm -f /etc/nginx/sites-enabled/default; systemctl start nginx');
}

/** The commit that a visitor from this machine gets, or the status. */
export async function visit(droplet: Droplet, domain: string, path = '/version.json'): Promise<string> {
  const words = ['-q', '-s', '--max-time', '5', '-w', '\n%{http_code}', '-H', `Host: ${domain}`];
  const said = await answer('curl', [...words, `http://${droplet.ip}${path}`]);
  const [, sha] = /"commitSha":"([0-9a-f]+)"/.exec(said.stdout) ?? [];
  return sha ?? said.stdout.trim();
}
