// The doctor's findings about the proxy: is it there, may we reload it, does it include our site, can it read our files.
import { posix } from 'node:path';
import { taskCommand } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import { siteState } from '../proxy/site.ts';
import { answerText, answerWords, type Facts } from '../release/facts.ts';
import { failure, good, type Finding, warning } from '../finding.ts';

/** Lines for askFacts. Programs of root are not in everybody's PATH. */
export function siteDoctorQuestion(target: Target): Command | undefined {
  const { site, maintenance } = target;
  if (!site) return undefined;
  const looked = [site.folder, posix.dirname(maintenance.flag)].flatMap(above);
  const allowed = (command: Command) =>
    sh`if [ "$EUID" != 0 ] && ! sudo -n -l ${command} >/dev/null 2>&1; then echo no; fi`;
  return lines(
    sh`{ PATH=$PATH:/usr/sbin:/sbin ${site.proxy} ${site.proxy === 'nginx' ? '-v' : 'version'}; } 2>&1 | fact proxy`,
    sh`{ systemctl is-active ${site.proxy} || true; } 2>/dev/null | fact proxy-active`,
    site.proxy === 'nginx' && sh`{ ${allowed(script('/usr/sbin/nginx -t'))}; } | fact no-proxy-test`,
    site.proxy === 'nginx' && sh`{ ${allowed(script('/usr/bin/systemctl reload nginx'))}; } | fact no-proxy-reload`,
    target.switch === 'hold' &&
      script(
        '{ grep -rqs "^load_module.*ngx_http_js_module" /etc/nginx/nginx.conf /etc/nginx/modules-enabled/ && echo yes; } | fact njs',
      ),
    // Debian's logrotate gives nginx's logs to this group.
    site.proxy === 'nginx' &&
      !target.instance &&
      sh`{ if [ "$EUID" != 0 ] && ! id -nG | tr ' ' '\\n' | grep -qx adm; then echo no; fi; } | fact no-access-log`,
    sh`for folder in ${[...new Set(looked)]}; do if [ -d "$folder" ] && ! (($(stat -L -c %a "$folder") % 2)); then echo "$folder"; fi; done | fact site-shut`,
  );
}

export function* siteFindings(target: Target, facts: Facts): Generator<Finding> {
  const { site } = target;
  if (!site) return;
  const { proxy } = site;
  const text = (name: string) => answerText(facts, name);
  const version = /nginx\/([\d.]+)|^v?(\d+\.[\d.]+)/m.exec(text('proxy'));
  if (!version) return yield failure(proxy, 'is not there', `sudo apt-get install ${proxy}`);

  const { front, tied, isApplied } = siteState(target, facts);
  const apply = taskCommand('site apply', target);
  yield text('proxy-active') === 'active'
    ? good(proxy, version[1] ?? version[2] ?? '')
    : failure(proxy, `is ${text('proxy-active') || 'not running'}`, `sudo systemctl enable --now ${proxy}`);
  if (front.sudoers && (text('no-proxy-test') || text('no-proxy-reload')))
    yield failure(
      `${proxy}: sudo`,
      `${facts.user} may not test and reload it`,
      `sudo visudo -f /etc/sudoers.d/bookops, with: ${front.sudoers(facts.user)}`,
    );
  if (target.switch === 'hold' && text('njs') !== 'yes')
    yield failure(
      'nginx: njs',
      'is not loaded, and the switch hold lets requests wait in it',
      'sudo apt-get install libnginx-mod-http-js',
    );
  if (text('no-access-log'))
    yield warning(
      'access log',
      `${facts.user} cannot read what ${proxy} logs, and --watch looks at it`,
      `sudo usermod -aG adm ${facts.user}, then log in again`,
    );
  // An ACL or a group may let it in all the same, so this is no failure.
  for (const folder of answerWords(facts, 'site-shut'))
    yield warning(
      'site',
      `${proxy} cannot look into ${folder}: it would never see that maintenance is on`,
      `sudo chmod o+x ${folder}`,
    );
  // A link to a file that is not there would keep nginx from starting.
  const tie = facts.answers.has('site0') ? front.tie : `${apply}\nthen: ${front.tie}`;
  if (tied === 'missing') yield failure('site', `${proxy} does not read ${front.file} yet`, tie);
  else if (tied !== 'ours') yield failure('site', `${proxy} reads ${tied.leadsTo} in its place`, front.tie);
  else if (!isApplied) yield warning('site', `${proxy} does not serve it as ops.yml says`, apply);
  else yield good('site', `${site.domains.join(', ')} as ops.yml says`);
}

/** The folder and all above it but the root: each must let the proxy through. */
function above(folder: string): string[] {
  return folder === '/' ? [] : [...above(posix.dirname(folder)), folder];
}
