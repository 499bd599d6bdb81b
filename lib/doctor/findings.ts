// The doctor's findings from the answers: one per check, each that is not good with what to type next.
import { taskCommand } from '../target/command.ts';
import { certificateState } from '../certificate/inspect.ts';
import { checkEnvFile } from '../env/rules.ts';
import { readFlag } from '../maintenance/flag.ts';
import type { Target } from '../target/target.ts';
import { answerLines, answerText, answerWords, type Facts } from '../release/facts.ts';
import { failure, good, type Finding, warning } from '../finding.ts';
import { instanceFindings } from './instance-findings.ts';
import { proofFindings } from './proof-findings.ts';
import { rightsFindings } from './rights.ts';
import { runtimeFindings } from './runtime-findings.ts';
import { siteFindings } from './site-findings.ts';
import { hostFindings } from './host-findings.ts';

/** All findings that the answers of the host give, in the order in which one would repair them. */
export function findingsOf(target: Target, facts: Facts, clockOff: number): Finding[] {
  const checks = [
    folders,
    rightsFindings,
    runtimeFindings,
    siteFindings,
    certificate,
    instanceFindings,
    database,
    proofFindings,
    environment,
    boot,
    going,
    maintenance,
  ];
  return [...hostFindings(target, facts, clockOff), ...checks.flatMap(check => [...check(target, facts)])];
}

function* folders({ root, runtime, paths }: Target, facts: Facts): Generator<Finding> {
  const own = `sudo install -d -o ${facts.user}`;
  const app = runtime.kind === 'systemd' && runtime.user !== facts.user ? runtime.user : undefined;
  for (const [name, folder, needed, make] of [
    ['root', root, true, own],
    ['releases', paths.releases, app !== undefined, `${own} -g "$(id -gn ${app ?? ''})" -m 2755`],
  ] as const) {
    const [state, owner = 'another user'] = answerWords(facts, name);
    const refused = `${folder} belongs to ${owner}, and ${facts.user} cannot write there`;
    if (state === 'fine') yield good(name, folder);
    else if (state !== 'missing') yield failure(name, refused, `${own} ${folder}`);
    else if (needed) yield failure(name, `${folder} does not exist`, `${make} ${folder}`);
  }
  const absent = answerLines(facts, 'absent');
  const whose = app === undefined ? '' : ` for ${app}`;
  for (const path of absent.includes('.') ? [paths.shared] : absent.map(one => `${paths.shared}/${one}`))
    yield failure(
      'shared',
      `${path} does not exist${whose}, and each release links to it`,
      `put it there once: ${path}`,
    );
}

/** Whether browsers accept the certificate of the site, and for how long. */
function* certificate(target: Target, facts: Facts): Generator<Finding> {
  const found = certificateState(target, facts);
  if (!found) return;
  const { words, state, what } = found;
  if (state === 'good') yield good('certificate', words);
  else yield (state === 'bad' ? failure : warning)('certificate', words, taskCommand(`certificates ${what}`, target));
}

function* database({ database: settings, runtime }: Target, facts: Facts): Generator<Finding> {
  if (!settings) return;
  const [version = ''] = answerWords(facts, 'sqlite');
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (version)
    yield major > 3 || minor >= 27
      ? good('sqlite3', version)
      : failure('sqlite3', `${version} cannot VACUUM INTO, 3.27 can`, 'sudo apt-get install sqlite3');
  // with compose its user is reached through Docker
  const isRefused = settings.as !== facts.user && answerText(facts, 'database-user') !== 'yes';
  if (settings.as && runtime.kind !== 'compose' && isRefused)
    yield failure(
      'database',
      `${facts.user} may not act as ${settings.as}, whose file it is`,
      `sudo visudo -f /etc/sudoers.d/bookops, with: ${facts.user} ALL=(${settings.as}) NOPASSWD: ALL`,
    );
}

function environment(target: Target, facts: Facts): Finding[] {
  return target.env.flatMap((rules, at) => {
    const problems = checkEnvFile(rules, facts.envFiles[at]);
    const [mode = '', owner = ''] = answerWords(facts, `envmode${at}`);
    const found = problems.map(problem =>
      failure('env', problem, `edit it on ${target.host.name}: nano ${rules.file}`),
    );
    const open = `${rules.file} (${owner}, ${mode}) can be read by every user of the host`;
    if (mode && !mode.endsWith('0')) found.push(warning('env', open, `chmod o= ${rules.file}`));
    return found.length ? found : [good('env', rules.file)];
  });
}

function* boot({ runtime }: Target, facts: Facts): Generator<Finding> {
  if (runtime.kind === 'process') return;
  const unsettled = 'a deploy that a reboot cuts off is settled only by the next task';
  const refused = facts.answers.get('cron-refused');
  if (refused !== undefined)
    yield warning(
      'boot',
      `${facts.user} may not use or read a crontab (${refused.trim() || 'no reason given'}): ${unsettled}`,
      `where it is “not allowed”: echo ${facts.user} | sudo tee -a /etc/cron.allow`,
    );
  else if (!facts.answers.has('cron'))
    yield warning('boot', `there is no crontab: ${unsettled}`, 'sudo apt-get install cron');
  else if (facts.bootLine) yield good('boot', 'a deploy that a reboot cuts off is settled');
  else yield good('boot', 'the first deploy adds its line to the crontab');
}

function* going(target: Target, facts: Facts): Generator<Finding> {
  if (facts.holder) yield warning('lock', `held: ${facts.holder}`, `wait, or look: ${taskCommand('status', target)}`);
  else yield good('lock', 'free');
  if (facts.leftover && !facts.holder)
    yield failure(
      'journal of the keeper',
      `a run ended during “${facts.leftover}” and is not undone`,
      `${taskCommand('recover', target)} settles it`,
    );
}

/** On for long without an end time, or past its end. */
function* maintenance(target: Target, facts: Facts): Generator<Finding> {
  if (facts.flag === undefined) return;
  const { isOver, until, minutes, words } = readFlag(facts.flag, facts.now);
  const isForgotten = isOver || (until === undefined && minutes > 60);
  // while a task holds the lock, it may be what switched it on, and nothing else ends it
  const isNews = isForgotten && !facts.holder;
  const says = `on for ${minutes} min: ${isOver ? 'its end has passed' : 'forgotten?'} (${words})`;
  yield isNews ? warning('maintenance', says, taskCommand('maintenance off', target)) : good('maintenance', words);
}
