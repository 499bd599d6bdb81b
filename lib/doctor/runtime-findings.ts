// The doctor's findings about the runtime: Docker and Compose, ONCE, or systemd, its unit and the permissions that steps need.
import { taskCommand } from '../target/command.ts';
import type { SystemdSettings } from '../target/runtime-settings.ts';
import type { Target } from '../target/target.ts';
import { answerLines, answerText, answerWords, type Facts } from '../release/facts.ts';
import { failure, good, type Finding, warning } from '../finding.ts';
import { onceApp, onceFlavour, onceInWords } from '../runtime/once/flavour.ts';
import { asAppUser, onUnit } from './question.ts';

export function* runtimeFindings(target: Target, facts: Facts): Generator<Finding> {
  const { runtime } = target;
  if (runtime.kind === 'process') yield good('runtime', 'process');
  else if (runtime.kind === 'compose') {
    yield* docker(facts);
    yield* compose(facts);
  } else if (runtime.kind === 'once') {
    yield* docker(facts);
    yield* once(target, facts);
  } else yield* systemd(target, runtime, facts);
}

function* docker(facts: Facts): Generator<Finding> {
  const [version = '', reached] = answerText(facts, 'docker').split('\n');
  const denied = /permission denied/i.test(answerText(facts, 'docker'));
  const unused = answerText(facts, 'unused').replaceAll(',', ', ');
  if (unused)
    yield warning(
      'docker variables',
      `${unused} of ${facts.user} is set there and not read by any task`,
      'say it in a file that every start of docker reads: docker context create, then docker context use',
    );
  const fix = denied ? `sudo usermod -aG docker ${facts.user}, then log in again` : 'sudo systemctl start docker';
  if (reached === 'reached') yield good('docker', version);
  else yield failure('docker', denied ? `${facts.user} may not use it without sudo` : version || 'is not there', fix);
}

function* compose(facts: Facts): Generator<Finding> {
  const version = answerText(facts, 'compose');
  const lacking = 'docker compose (version 2 or later) is not there';
  if (/^v?([2-9]|\d\d)\./.test(version)) yield good('compose', version);
  else yield failure('compose', lacking, 'sudo apt-get install docker-compose-v2');
}

/** Which ONCE it is, whether it has the app, and whether it would replace a release by itself. */
function* once(target: Target, facts: Facts): Generator<Finding> {
  const { kind } = onceFlavour(facts);
  const app = onceApp(facts);
  const words = onceInWords(facts);
  if (kind === 'current') yield good('once', words);
  else if (kind === 'legacy')
    yield failure(
      'once',
      `${words}: it can neither deploy a commit nor restore a backup`,
      'docs/12-once.md has the steps to the current one',
    );
  else yield failure('once', words, 'as root there: curl https://get.once.com | ONCE_INTERACTIVE=false sh');
  if (kind === 'current' && app?.auto === 'true')
    yield warning(
      'updates',
      'ONCE updates the app by itself within 24 h: what serves is then another image than the release says',
      `${taskCommand('deploy', target)} switches that off; by hand: once update HOST --auto-update=false`,
    );
}

function* systemd(target: Target, { unit, user }: SystemdSettings, facts: Facts): Generator<Finding> {
  yield good('systemd', answerText(facts, 'systemd').replace(/^systemd /, ''));
  const state = Object.fromEntries(answerLines(facts, 'unit').map(line => line.split('=', 2)));
  if (state.LoadState !== 'loaded')
    yield failure(
      'unit',
      `${unit}.service is ${state.LoadState ?? 'unknown'}`,
      `${taskCommand('config unit', target)} > ${unit}.service, then to /etc/systemd/system/ and systemctl daemon-reload`,
    );
  else if (state.User !== user)
    yield warning(
      'unit',
      `${unit}.service runs as ${state.User || 'root'}, and ops.yml says ${user}`,
      `systemctl edit ${unit}, or user: in ops.yml`,
    );
  else yield good('unit', `${unit}.service, ${state.ActiveState ?? 'unknown'}`);
  if (!answerText(facts, 'app-user')) {
    const fix = `sudo useradd --system --shell /usr/sbin/nologin ${user}`;
    return yield failure('app user', `there is no user ${user}`, fix);
  }
  const noUser = answerWords(facts, 'no-sudo-user');
  const noUnit = answerWords(facts, 'no-sudo-unit');
  const isAll = noUser.length === asAppUser.length;
  const lacking = [
    noUser.length && `may not run as ${user}: ${isAll ? 'anything' : noUser.join(', ')}`,
    noUnit.length && `may not systemctl ${noUnit.join(', ')} ${unit}.service`,
  ];
  const verbs = onUnit.map(verb => `/usr/bin/systemctl ${verb} ${unit}.service`);
  const sudoers = [
    noUser.length && `${facts.user} ALL=(${user}) NOPASSWD: ALL`,
    noUnit.length && `${facts.user} ALL=(root) NOPASSWD: ${verbs.join(', ')}`,
  ];
  yield noUser.length || noUnit.length
    ? failure(
        'sudo',
        lacking.filter(Boolean).join('; '),
        `sudo visudo -f /etc/sudoers.d/bookops, with: ${sudoers.filter(Boolean).join('\n')}`,
      )
    : good('sudo', `as ${user} and for systemctl on ${unit}.service`);
  const shut = `${facts.user} cannot read the log of ${unit}.service`;
  if (/not seeing messages|permission/i.test(answerText(facts, 'journal')))
    yield warning('journal', shut, `sudo usermod -aG systemd-journal ${facts.user}, then log in again`);
  else yield good('journal', 'readable');
}
