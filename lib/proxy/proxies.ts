// The supported proxies: which files each reads, how it includes them, how it tests and loads them.
import { readFileSync } from 'node:fs';
import { targetName } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import type { Site } from '../target/site-settings.ts';
import { Failure } from '../errors.ts';
import { script, sh, type Command } from '../host/sh.ts';
import { caddyConfig } from './caddy.ts';
import { siteConfig } from './nginx.ts';

/** `file` is read by the proxy through the tie that the admin made; `others` are named in it. */
export type Proxy = {
  name: Site['proxy'];
  file: string;
  /** Rendered when it is first read: most tasks only ask what is there. */
  readonly text: string;
  others: { path: string; text: string }[];
  /** Prints `ours`, `missing`, or where it leads instead. */
  tied: Command;
  /** What root types once. */
  tie: string;
  /** Tests the whole configuration of the proxy with the file in its place. */
  test: Command;
  /** Takes it without ending a connection. */
  reload: Command;
  /** The line of sudoers that lets `user` do both; undefined: no right is needed. */
  sudoers: ((user: string) => string) | undefined;
};

/** @throws Failure 3 when the target has no site. */
export function proxyOf(target: Target): Proxy {
  const { site } = target;
  if (!site)
    throw new Failure(3, `${targetName(target)} has no site: ops.yml does not say what visitors reach it by`, {
      advice: 'add site: with domains, upstreams and routes (docs/configuration.md)',
    });
  const proxy = site.proxy === 'caddy' ? caddy(site) : nginx(target, site);
  let text: string | undefined;
  return {
    ...proxy,
    get text() {
      return (text ??= site.proxy === 'caddy' ? caddyConfig(target, site) : siteConfig(target));
    },
  };
}

/** How nginx comes to read the sites of all throw-away copies of an environment: one line, made once by the admin. */
export function instancesTie(app: string, base: string, folder: string): { line: string; file: string; tie: string } {
  const line = `include ${folder}/*/proxy/site.conf;`;
  const file = `/etc/nginx/sites-enabled/${app}-${base}-instances.conf`;
  return { line, file, tie: `echo '${line}' | sudo tee ${file} && sudo nginx -t && sudo systemctl reload nginx` };
}

/** Prints `ours` or `missing`. */
export function instancesTied(app: string, base: string, folder: string): Command {
  const { line, file } = instancesTie(app, base, folder);
  return sh`if grep -qsxF ${line} ${file}; then echo ours; else echo missing; fi`;
}

function nginx(target: Target, { folder }: Site): Omit<Proxy, 'text'> {
  const { instance } = target;
  const file = `${folder}/site.conf`;
  const link = `/etc/nginx/sites-enabled/${target.app}-${target.environment}.conf`;
  const gate = new URL('../../nginx/gate.js', import.meta.url);
  return {
    name: 'nginx',
    file,
    others: target.switch === 'hold' ? [{ path: `${folder}/gate.js`, text: readFileSync(gate, 'utf8') }] : [],
    // the link may be there before the folder that it leads to
    tied: instance
      ? instancesTied(target.app, instance.base, instance.folder)
      : sh`if [ ! -L ${link} ] && [ ! -e ${link} ]; then echo missing; elif to=$(realpath -m ${link}) && at=$(realpath -m ${file}) && [ "$to" = "$at" ]; then echo ours; else realpath -m ${link}; fi`,
    tie: instance
      ? instancesTie(target.app, instance.base, instance.folder).tie
      : `sudo ln -sfn ${file} ${link} && sudo nginx -t && sudo systemctl reload nginx`,
    test: script('as_root nginx -t'),
    reload: reloadNginx,
    sudoers: user => `${user} ALL=(root) NOPASSWD: /usr/sbin/nginx -t, /usr/bin/systemctl reload nginx`,
  };
}

/**
 * `systemctl reload` returns before nginx has read anything, and nginx -t does not see everything: a port that is taken,
 * a zone that changed its size. So the reload is over when the workers are new ones.
 */
const reloadNginx = script(`workers() {
  local main
  main=$(systemctl show -p MainPID --value nginx) || return 1
  pgrep -P "$main" -f '^nginx: worker process$' | sort || true
}
was=$(workers)
as_root systemctl reload nginx
for try in {1..100}; do
  now=$(workers)
  if [[ ! $was || ! $(comm -12 <(printf '%s\\n' "$was") <(printf '%s\\n' "$now") || echo unknown) ]]; then break; fi
  if ((try == 100)); then fail 'nginx did not take the new configuration: /var/log/nginx/error.log says why'; fi
  sleep 0.05
done`);

function caddy({ folder }: Site): Omit<Proxy, 'text'> {
  const file = `${folder}/site.caddy`;
  const main = '/etc/caddy/Caddyfile';
  return {
    name: 'caddy',
    file,
    others: [],
    tied: sh`if grep -qsxF ${`import ${file}`} ${main}; then echo ours; else echo missing; fi`,
    tie: `echo 'import ${file}' | sudo tee -a ${main} && sudo systemctl reload caddy`,
    // Caddy builds the whole new configuration beside the old one, and keeps the old one when it cannot; `caddy validate`
    // checks less, and may open logs of Caddy's own user. Not through systemctl: Caddy 2.6 never tells systemd that it
    // refused, and systemd would wait for minutes. With --force, so that systemd gets a success after the old one is restored.
    test: sh`timeout 60 caddy reload --config ${main} --adapter caddyfile --force`,
    reload: sh`: it was taken with the test`,
    sudoers: undefined,
  };
}
