// The doctor's findings about the runtime: Docker and Compose, or systemd, its unit and the permissions that steps need.
import { taskCommand } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import type { Facts } from '../release/facts.ts';
import { failure, good, type Finding, warning } from '../finding.ts';
import { words } from './answers.ts';
import { asAppUser, onUnit } from './question.ts';

export function runtimeFindings(target: Target, facts: Facts): Finding[] {
  const { runtime } = target;
  const text = (name: string) => (facts.answers.get(name) ?? '').trim();
  if (runtime.kind === 'process') return [good('runtime', 'process')];
  if (runtime.kind === 'compose') {
    const [version = '', reached] = text('docker').split('\n');
    const compose = text('compose');
    const denied = /permission denied/i.test(text('docker'));
    const unused = text('unused').replaceAll(',', ', ');
    return [
      ...(unused
        ? [
            warning(
              'docker variables',
              `${unused} of ${facts.user} is set there and not read by any task`,
              'say it in a file that every start of docker reads: docker context create, then docker context use',
            ),
          ]
        : []),
      reached === 'reached'
        ? good('docker', version)
        : failure(
            'docker',
            denied ? `${facts.user} may not use it without sudo` : text('docker').split('\n')[0] || 'is not there',
            denied ? `sudo usermod -aG docker ${facts.user}, then log in again` : 'sudo systemctl start docker',
          ),
      /^v?([2-9]|\d\d)\./.test(compose)
        ? good('compose', compose)
        : failure(
            'compose',
            'docker compose (version 2 or later) is not there',
            'sudo apt-get install docker-compose-v2',
          ),
    ];
  }

  const { unit, user } = runtime;
  const found = [good('systemd', text('systemd').replace(/^systemd /, ''))];
  const state = Object.fromEntries(
    text('unit')
      .split('\n')
      .map(line => line.split('=', 2)),
  );
  if (state.LoadState !== 'loaded')
    found.push(
      failure(
        'unit',
        `${unit}.service is ${state.LoadState ?? 'unknown'}`,
        `${taskCommand('config unit', target)} > ${unit}.service, then to /etc/systemd/system/ and systemctl daemon-reload`,
      ),
    );
  else if (state.User !== user)
    found.push(
      warning(
        'unit',
        `${unit}.service runs as ${state.User || 'root'}, and ops.yml says ${user}`,
        `systemctl edit ${unit}, or user: in ops.yml`,
      ),
    );
  else found.push(good('unit', `${unit}.service, ${state.ActiveState ?? 'unknown'}`));
  if (!text('app-user')) {
    found.push(
      failure('app user', `there is no user ${user}`, `sudo useradd --system --shell /usr/sbin/nologin ${user}`),
    );
    return found;
  }
  const noUser = words(facts, 'no-sudo-user');
  const noUnit = words(facts, 'no-sudo-unit');
  const sudoers = [
    ...(noUser.length ? [`${facts.user} ALL=(${user}) NOPASSWD: ALL`] : []),
    ...(noUnit.length
      ? [
          `${facts.user} ALL=(root) NOPASSWD: ${onUnit.map(verb => `/usr/bin/systemctl ${verb} ${unit}.service`).join(', ')}`,
        ]
      : []),
  ];
  found.push(
    sudoers.length === 0
      ? good('sudo', `as ${user} and for systemctl on ${unit}.service`)
      : failure(
          'sudo',
          [
            noUser.length &&
              `may not run as ${user}: ${noUser.length === asAppUser.length ? 'anything' : noUser.join(', ')}`,
            noUnit.length && `may not systemctl ${noUnit.join(', ')} ${unit}.service`,
          ]
            .filter(Boolean)
            .join('; '),
          `sudo visudo -f /etc/sudoers.d/bookops, with: ${sudoers.join('\n')}`,
        ),
  );
  found.push(
    /not seeing messages|permission/i.test(text('journal'))
      ? warning(
          'journal',
          `${facts.user} cannot read the log of ${unit}.service`,
          `sudo usermod -aG systemd-journal ${facts.user}, then log in again`,
        )
      : good('journal', 'readable'),
  );
  return found;
}
