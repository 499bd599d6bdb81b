// The doctor's findings from the answers: one per check, each that is not good with what to type next.
import { taskCommand } from '../target/command.ts';
import { checkEnvFile } from '../env/rules.ts';
import type { Target } from '../target/target.ts';
import type { Facts } from '../release/facts.ts';
import { certificateFindings } from './certificate-findings.ts';
import { failure, good, type Finding, warning } from '../finding.ts';
import { words } from './answers.ts';
import { instanceFindings } from './instance-findings.ts';
import { maintenanceFindings } from './maintenance-findings.ts';
import { proofFindings } from './proof-findings.ts';
import { rightsFindings } from './rights.ts';
import { runtimeFindings } from './runtime-findings.ts';
import { siteFindings } from './site-findings.ts';
import { hostFindings } from './host-findings.ts';

/** All findings that the answers of the host give, in the order in which one would repair them. */
export function findingsOf(target: Target, facts: Facts, clockOff: number): Finding[] {
  return [
    ...hostFindings(target, facts, clockOff),
    ...folders(target, facts),
    ...rightsFindings(target, facts),
    ...runtimeFindings(target, facts),
    ...siteFindings(target, facts),
    ...certificateFindings(target, facts),
    ...instanceFindings(target, facts),
    ...databaseFindings(target, facts),
    ...proofFindings(target, facts),
    ...environment(target, facts),
    ...boot(target, facts),
    ...going(target, facts),
    ...maintenanceFindings(target, facts),
  ];
}

function folders(target: Target, facts: Facts): Finding[] {
  const found: Finding[] = [];
  const { runtime, paths } = target;
  const own = `sudo install -d -o ${facts.user}`;
  const app = runtime.kind === 'systemd' && runtime.user !== facts.user ? runtime.user : undefined;
  for (const [name, folder, needed] of [
    ['root', target.root, true],
    ['releases', paths.releases, app !== undefined],
  ] as const) {
    const [state, owner] = words(facts, name);
    if (state === 'fine') found.push(good(name, folder));
    else if (state !== 'missing')
      found.push(
        failure(
          name,
          `${folder} belongs to ${owner ?? 'another user'}, and ${facts.user} cannot write there`,
          `${own} ${folder}`,
        ),
      );
    else if (needed)
      found.push(
        failure(
          name,
          `${folder} does not exist`,
          app !== undefined && folder === paths.releases
            ? `${own} -g "$(id -gn ${app})" -m 2755 ${folder}`
            : `${own} ${folder}`,
        ),
      );
  }
  const absent = (facts.answers.get('absent') ?? '').split('\n').filter(Boolean);
  for (const path of absent.includes('.') ? [paths.shared] : absent.map(one => `${paths.shared}/${one}`))
    found.push(
      failure(
        'shared',
        `${path} does not exist${app === undefined ? '' : ` for ${app}`}, and each release links to it`,
        `put it there once: ${path}`,
      ),
    );
  return found;
}

function databaseFindings({ database, runtime }: Target, facts: Facts): Finding[] {
  if (!database) return [];
  const [version = ''] = words(facts, 'sqlite');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const found: Finding[] = [];
  if (version)
    found.push(
      major > 3 || minor >= 27
        ? good('sqlite3', version)
        : failure('sqlite3', `${version} cannot VACUUM INTO, 3.27 can`, 'sudo apt-get install sqlite3'),
    );
  // with compose its user is reached through Docker
  const isRefused = database.as !== facts.user && facts.answers.get('database-user')?.trim() !== 'yes';
  if (database.as && runtime.kind !== 'compose' && isRefused)
    found.push(
      failure(
        'database',
        `${facts.user} may not act as ${database.as}, whose file it is`,
        `sudo visudo -f /etc/sudoers.d/bookops, with: ${facts.user} ALL=(${database.as}) NOPASSWD: ALL`,
      ),
    );
  return found;
}

function environment(target: Target, facts: Facts): Finding[] {
  return target.env.flatMap((rules, at) => {
    const problems = checkEnvFile(rules, facts.envFiles[at]);
    const [mode = '', owner = ''] = words(facts, `envmode${at}`);
    const found = problems.map(problem =>
      failure('env', problem, `edit it on ${target.host.name}: nano ${rules.file}`),
    );
    if (mode && !mode.endsWith('0'))
      found.push(
        warning(
          'env',
          `${rules.file} (${owner}, ${mode}) can be read by every user of the host`,
          `chmod o= ${rules.file}`,
        ),
      );
    return found.length ? found : [good('env', rules.file)];
  });
}

function boot({ runtime }: Target, facts: Facts): Finding[] {
  if (runtime.kind === 'process') return [];
  const refused = facts.answers.get('cron-refused');
  if (refused !== undefined)
    return [
      warning(
        'boot',
        `${facts.user} may not use or read a crontab (${refused.trim() || 'no reason given'}): a deploy that a reboot cuts off is settled only by the next task`,
        `where it is “not allowed”: echo ${facts.user} | sudo tee -a /etc/cron.allow`,
      ),
    ];
  if (!facts.answers.has('cron'))
    return [
      warning(
        'boot',
        'there is no crontab: a deploy that a reboot cuts off is settled only by the next task',
        'sudo apt-get install cron',
      ),
    ];
  return [
    good(
      'boot',
      facts.bootLine ? 'a deploy that a reboot cuts off is settled' : 'the first deploy adds its line to the crontab',
    ),
  ];
}

function going(target: Target, facts: Facts): Finding[] {
  const found: Finding[] = [];
  if (facts.holder)
    found.push(warning('lock', `held: ${facts.holder}`, `wait, or look: ${taskCommand('status', target)}`));
  else found.push(good('lock', 'free'));
  if (facts.leftover && !facts.holder)
    found.push(
      failure(
        'journal of the keeper',
        `a run ended during “${facts.leftover}” and is not undone`,
        `${taskCommand('recover', target)} settles it`,
      ),
    );
  return found;
}
