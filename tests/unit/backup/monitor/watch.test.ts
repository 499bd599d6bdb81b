// What is told about backups and to whom: state changes kept on the host, messages that no text can break, metrics, drills.log.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { messageJson, mailOf, slackOf, messageText, titleOf, type Message } from '../../../../lib/alert/message.ts';
import { deliver } from '../../../../lib/alert/deliver.ts';
import type { StoredBackup } from '../../../../lib/backup/catalog.ts';
import { standing } from '../../../../lib/backup/monitor/freshness.ts';
import {
  stateFile,
  readState,
  readAlerts,
  recordObservations,
  clearAlerts,
  type Observation,
} from '../../../../lib/alert/state.ts';
import { metricsOf, writeMetrics } from '../../../../lib/backup/monitor/metrics.ts';
import {
  isProven,
  proofInWords,
  proofOf,
  proofQuestion,
  readDrills,
  verifyRestorable,
} from '../../../../lib/backup/drill/last-proven.ts';
import { logVerdict, type Verdict } from '../../../../lib/backup/drill/verdict.ts';
import type { AlertSettings, Backup } from '../../../../lib/target/backup-settings.ts';
import { ageOf } from '../../../../lib/duration.ts';
import { Failure } from '../../../../lib/errors.ts';
import { lines, script, type Command } from '../../../../lib/host/sh.ts';
import { factsCommand } from '../../../../lib/deploy/ask-facts.ts';
import { folderStore } from '../../../../lib/store/folder/store.ts';
import { receiver } from '../../../support/alert/receiver.ts';
import { factsOf, first, sample, when } from '../../../support/target/targets.ts';

const folder = mkdtempSync(join(tmpdir(), "bookops-it's watched-"));
test.after(() => rmSync(folder, { recursive: true, force: true }));

const backup: Backup = { stores: [{ name: 'disk', kind: 'path', folder: '/x' }], files: undefined, keep: undefined };
const watched = (name: string, more: Partial<Backup> = {}) =>
  sample({ backup: { ...backup, ...more } }, join(folder, name));
const bash = (command: Command) => execFileSync('bash', ['-c', command.text], { encoding: 'utf8' });

const began = Math.floor(Date.now() / 1000);
/** As `date` would say it that many hours later, to the second. */
const later = (hours: number, command: Command): Command =>
  lines(script(`date() { echo ${began + hours * 3600}; }`), command);

test('a failure is told once, again after a day, and its end once; who came second has nothing to tell', () => {
  const target = watched('once');
  const known = ['backup', 'drill', 'age:disk'];
  const see = (hours: number, ...seen: Observation[]) =>
    readAlerts(bash(later(hours, recordObservations(target, seen, known)))).told.map(
      one => `${one.subject} ${one.what}`,
    );
  const bad = { subject: 'backup', bad: true };
  const good = { subject: 'backup', bad: false, seconds: 1.5 };
  assert.equal(see(0, good), [], 'a first success is no news');
  assert.equal(see(1, bad), ['backup failure']);
  assert.equal([see(2, bad), see(24, bad)], [[], []]);
  assert.equal(see(26, bad, { subject: 'age:disk', bad: true }), ['backup again', 'age:disk failure']);
  assert.equal(see(27, bad), []);
  assert.equal(see(28, good), ['backup recovery']);
  assert.equal(see(29, good), []);
  const text = readFileSync(stateFile(target), 'utf8');
  const [age, run] = readState(text);
  assert.equal(
    [age?.subject, age?.state, run?.subject, run?.state, run?.seconds],
    ['age:disk', 'bad', 'backup', 'good', 1.5],
  );
  assert.is((run?.good?.getTime() ?? 0) - (run?.since.getTime() ?? 0), 3_600_000);
  assert.equal(see(30, { subject: 'drill', bad: true }), ['drill failure']);
  assert.equal(
    readAlerts(bash(recordObservations(target, [good], ['backup']))).known.map(one => one.subject),
    ['backup'],
  );
});

test('what nobody could be told is told by the next run, be it a failure or a recovery', () => {
  const target = watched('untold');
  const see = (state: boolean) =>
    readAlerts(bash(recordObservations(target, [{ subject: 'backup', bad: state }], ['backup']))).told.map(
      one => one.what,
    );
  assert.equal(see(true), ['failure']);
  bash(clearAlerts(target, ['backup']));
  assert.equal([see(true), see(true)], [['again'], []]);
  assert.equal(see(false), ['recovery']);
  bash(clearAlerts(target, ['backup', 'never-seen']));
  assert.equal([see(false), see(false)], [['recovery'], []]);
});

test('of twenty tasks that see the same failure in the same moment, one tells it', async () => {
  const target = watched('crowd');
  const text = recordObservations(target, [{ subject: 'backup', bad: true }], ['backup']).text;
  const said = await Promise.all(
    Array.from(
      { length: 20 },
      () =>
        new Promise<string>(done => {
          const child = spawn('bash', ['-c', text], { stdio: ['ignore', 'pipe', 'inherit'] });
          let out = '';
          child.stdout.on('data', piece => (out += String(piece)));
          child.on('close', () => done(out));
        }),
    ),
  );
  assert.is(said.filter(one => one.includes('tell backup failure')).length, 1);
  assert.ok(said.every(one => readAlerts(one).known.length === 1));
});

test('a memory that somebody spoilt is not run, and what is none of it is dropped', () => {
  const target = watched('spoilt');
  const canary = join(folder, 'canary');
  mkdirSync(target.paths.releases, { recursive: true });
  const evil = `a[$(touch '${canary}')]`;
  writeFileSync(
    stateFile(target),
    `backup bad ${evil} ${evil} ${evil} ${evil} ${evil}\n$(touch '${canary}') bad 1 1\n\nhalf`,
  );
  const { told, known } = readAlerts(
    bash(recordObservations(target, [{ subject: 'backup', bad: true }], ['backup', 'half'])),
  );
  assert.equal([told, known.length], [[{ subject: 'backup', what: 'again' }], 1]);
  assert.not.ok(existsSync(canary));
});

const message = (says: string, more: Partial<Message> = {}): Message => ({
  app: 'book',
  environment: 'production',
  host: 'vps',
  time: when,
  news: [{ subject: 'backup', what: 'failure', says, advice: 'npx tsx tasks/backup.ts --env production' }],
  well: false,
  ...more,
});
const hostile =
  'it failed\r\nBcc: all@example.org\n\n<!channel> @all <https://evil|here> *b* \u001b[2J\u202e"}] & „ü“ .\n.\n';

test('no text can end a header, call a channel, begin a line or leave its JSON', () => {
  const text = messageText(message(hostile));
  assert.is(text.split('\n').length, 4);
  assert.not.match(text, /[\u001b\u202e\r]/);
  const mail = mailOf(message(hostile), 'owner@example.org');
  const [head = '', body = ''] = mail.split(/\n\n/);
  assert.equal(
    head
      .split('\n')
      .map(line => /^([A-Za-z-]+):|^ =\?/.exec(line)?.[1] ?? 'more')
      .filter(name => name !== 'more'),
    ['To', 'Subject', 'MIME-Version', 'Content-Type', 'Content-Transfer-Encoding', 'Auto-Submitted'],
  );
  assert.ok(
    mail.split('\n').every(line => line.length <= 78),
    mail,
  );
  assert.is(Buffer.from(body, 'base64').toString(), `${text}\n`);
  const words = [...head.matchAll(/=\?utf-8\?B\?([^?]*)\?=/g)].map(([, word = '']) =>
    Buffer.from(word, 'base64').toString(),
  );
  assert.is(words.join(''), titleOf(message(hostile)));
  const slack = JSON.parse(slackOf(message(hostile)));
  assert.not.match(slack.text, /[<>]|@(?=\w)/);
  assert.match(slack.text, '&lt;!channel&gt;');
  const json = JSON.parse(messageJson(message(hostile)));
  assert.equal([json.state, json.news[0].subject, json.news[0].says], ['bad', 'backup', hostile]);
  assert.ok(messageText(message('x'.repeat(100_000))).length < 2500);
});

test('a plain title stays as it is, and several failures are counted', () => {
  assert.match(mailOf(message('backup failed'), 'root'), 'Subject: book production: backup failed\n');
  const news = ['one', 'two'].map(says => ({ subject: says, what: 'failure' as const, says }));
  assert.is(titleOf(message('', { news })), 'book production: one, and 1 more');
  assert.is(titleOf(message('', { news: [], well: true })), 'book production: all checks pass');
});

const alert = (kind: 'slack' | 'webhook' | 'healthchecks'): AlertSettings => ({
  name: 'desk',
  kind,
  url: { env: 'URL' },
});

async function send(alerts: AlertSettings[], told: Message, environment: NodeJS.ProcessEnv, seconds = 10) {
  const warnings: string[] = [];
  const reached = await deliver(alerts, told, { environment, warn: line => warnings.push(line), seconds });
  return { reached, warnings };
}

test('each kind gets what it understands, and a ping goes out on success too', async () => {
  const { got, url, stop } = await receiver();
  const all = (['slack', 'webhook', 'healthchecks'] as const).map(alert);
  const bad = await send(all, message('no room'), { URL: url });
  assert.equal(bad, { reached: true, warnings: [] });
  const paths = got.map(one => `${one.method} ${one.path}`).toSorted();
  assert.equal(paths, ['POST /hook/t0ken/fail?a=1', 'POST /hook/t0ken?a=1', 'POST /hook/t0ken?a=1']);
  const bodies = got.flatMap(one => (one.type === 'application/json' ? [JSON.parse(one.body)] : []));
  assert.ok(bodies.length === 2 && bodies.some(one => one.mrkdwn === false) && bodies.some(one => one.app === 'book'));
  got.length = 0;
  const good = await send(all, message('', { news: [], well: true }), { URL: url });
  assert.equal([good.reached, got.map(one => one.path)], [true, ['/hook/t0ken?a=1']]);
  await stop();
});

test('who answers badly is asked once more, who hangs is left after its time, and no address is ever shown', async () => {
  const cases: [(number | 'hang')[], number, string | undefined][] = [
    [[500, 200], 2, undefined],
    [[500, 503], 2, 'it answered 503'],
    [['hang', 200], 2, undefined],
    [['hang', 'hang'], 2, 'no answer within 0.4 s'],
    [[404], 1, 'it answered 404'],
    [[302], 1, 'it answered 302'],
  ];
  for (const [statuses, asked, says] of cases) {
    const { got, url, stop } = await receiver([...statuses]);
    const { reached, warnings } = await send(
      [alert('slack')],
      message('x'),
      { URL: url },
      statuses.includes('hang') ? 0.4 : 10,
    );
    assert.equal([got.length, reached], [asked, says === undefined], String(statuses));
    assert.is(warnings.join(), says === undefined ? '' : `the alert desk was not delivered: ${says}`);
    await stop();
  }
  const { url, stop } = await receiver();
  await stop();
  for (const [value, says] of [
    [url, 'it cannot be reached: ECONNREFUSED'],
    ['t0ken no address', 'its secret is not an http:// or https:// URL'],
    ['file:///etc/t0ken', 'its secret is not an http:// or https:// URL'],
    [undefined, 'the environment variable URL is not set'],
  ] as const) {
    const { reached, warnings } = await send([alert('slack')], message('', { news: [], well: true }), { URL: value });
    // with nothing to tell, only what is wrong here is found
    if (value !== url) assert.match(warnings.join(), says);
    assert.is(reached, false);
    const told = await send([alert('webhook')], message('x'), { URL: value });
    assert.match(told.warnings.join(), says);
    assert.not.match(told.warnings.join(), 't0ken');
  }
});

test('an e-mail goes through the sendmail of this machine; one that fails is a warning', async () => {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const program = (text: string) => {
    writeFileSync(join(bin, 'sendmail'), `#!/bin/sh\n${text}\n`);
    chmodSync(join(bin, 'sendmail'), 0o755);
  };
  const to: AlertSettings[] = [{ name: 'mail', kind: 'mail', to: 'owner@example.org' }];
  const environment = { PATH: `${bin}:/usr/bin:/bin` };
  program(`echo "$@" >'${folder.replaceAll("'", "'\\''")}/words'; cat >'${folder.replaceAll("'", "'\\''")}/mail'`);
  assert.equal(await send(to, message(hostile), environment), { reached: true, warnings: [] });
  assert.is(readFileSync(join(folder, 'words'), 'utf8'), '-oi owner@example.org\n');
  assert.is(readFileSync(join(folder, 'mail'), 'utf8'), mailOf(message(hostile), 'owner@example.org'));
  program('echo no queue >&2; exit 75');
  assert.equal((await send(to, message('x'), environment)).warnings, [
    'the alert mail was not delivered: sendmail exited with 75: no queue',
  ]);
  program('exec sleep 5');
  assert.match((await send(to, message('x'), environment, 0.4)).warnings.join(), 'no answer within 0.4 s');
});

const held = (hoursAgo: number, more: Partial<StoredBackup> = {}): StoredBackup => ({
  store: folderStore('disk', '/x'),
  id: '20261121T030000Z-3f2c1a',
  time: new Date(when.getTime() - hoursAgo * 3_600_000),
  keys: [],
  bytes: 10,
  manifest: { shrunk: [] } as unknown as NonNullable<StoredBackup['manifest']>,
  fault: undefined,
  verdict: undefined,
  ...more,
});

test('a backup is late a quarter of its time after it was due, and one that is damaged does not count', () => {
  const target = watched('late', { everySeconds: 24 * 3600 });
  const ages = (list: StoredBackup[], of = target) =>
    standing(of, 'disk', list, when)
      .filter(one => one.bad)
      .map(one => one.says);
  assert.equal(ages([held(29)]), []);
  assert.equal(ages([held(31)]), ['the newest backup in disk is 1 d 7 h old, and one is meant to come every 1 d']);
  assert.is(ages([held(1, { fault: 'it was never finished' }), held(31)]).length, 1);
  assert.equal(ages([]), ['disk has no backup that is whole']);
  assert.equal(ages([held(9999)], watched('whenever')), []);
  const shrunk = { shrunk: ['the table a no longer exists'] } as unknown as NonNullable<StoredBackup['manifest']>;
  assert.match(ages([held(1, { manifest: shrunk })]).join(), 'the table a no longer exists');
});

test('ages are minutes, hours, days and weeks, as long as one likes', () => {
  assert.equal(['90m', '36h', '7d', '52w'].map(ageOf), [5400, 129_600, 604_800, 31_449_600]);
  for (const text of ['', '0d', '7', '7 d', '1y', '-1d', '10000d']) {
    assert.throws(() => ageOf(text), (error: unknown) => error instanceof Failure && error.exit === 2); // prettier-ignore
  }
});

const verdict = (stamp: string, good: boolean, reason = ''): Verdict => ({
  version: 1,
  backup: `${stamp}-3f2c1a`,
  store: 'disk',
  time: `${stamp.replace(/^(....)(..)(..)T(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6')}.500Z`,
  where: 'here',
  by: 'ana@laptop',
  good,
  restoreSeconds: 19,
  checks: good ? [] : [{ name: 'rows', good: false, found: reason }],
});

test('what drills.log says is what was written there, whatever a reason has in it', () => {
  const target = watched('drills');
  const said = 'it\'s "verdict=good"\nbackup=x \\ $(id) ü';
  for (const one of [verdict('20261118T120004Z', true), verdict('20261119T120004Z', false, said)])
    bash(logVerdict(target, one));
  const log = readFileSync(join(target.paths.releases, 'drills.log'), 'utf8');
  const found = readDrills(`half a line\n${log}2026-11-20T00:00:00Z env=production backup=x verdict=good\n`, target);
  assert.equal(
    found.map(one => [one.backup, one.good, one.restoreSeconds, one.reason]),
    [
      ['20261118T120004Z-3f2c1a', true, 19, undefined],
      ['20261119T120004Z-3f2c1a', false, 19, `rows: ${said}`],
    ],
  );
  assert.is(found[0]?.taken.toISOString(), '2026-11-18T12:00:04.000Z');
  const asked = spawnSync('bash', ['-c', factsCommand(target, undefined, proofQuestion(target)).text], {
    encoding: 'utf8',
  }).stdout;
  assert.match(asked, new RegExp(`^drills ${Buffer.from(log).toString('base64').replace(/[+]/g, '\\+')}$`, 'm'));
  assert.not.match(factsCommand(sample(), undefined, proofQuestion(sample())).text, 'drills.log');
});

test('how long ago a backup was proven is told by the host’s clock, with the drill that failed since', () => {
  const target = watched('told');
  const line = (stamp: string, good: string) => `${stamp.replace(/^(....)(..)(..)T(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6')}Z env=staging backup=${stamp}-3f2c1a store=disk verdict=${good} seconds=19`; // prettier-ignore
  const facts = (drills: string, backups = '') => factsOf(target, { drills, backups, current: first });
  const words = (drills: string, backups?: string) => {
    const proof = proofOf(target, facts(drills, backups));
    return proof && proofInWords(proof, when);
  };
  assert.is(words(''), 'never proven');
  assert.is(words(line('20261120T090004Z', 'good')), 'proven 3 h ago (20261120T090004Z-3f2c1a, restored in 19 s)');
  const failed = `${line('20261119T120004Z', 'good')}\n${line('20261120T110004Z', 'bad')}\n`;
  assert.is(words(failed), 'proven 1 d ago (20261119T120004Z-3f2c1a, restored in 19 s); the drill of 20261120T110004Z-3f2c1a 1 h ago was bad'); // prettier-ignore
  const hourAgo = when.getTime() / 1000 - 3600;
  assert.match(words('', `backup bad 1 1 2 ${hourAgo} 3`) ?? '', 'never proven; last backup 1 h ago');
  assert.is(proofOf(sample(), facts('')), undefined);

  const strict = watched('strict', { provenSeconds: 7 * 86_400 });
  const proven = (stamp: string) => proofOf(strict, facts(line(stamp, 'good'))) ?? { proven: undefined };
  assert.is(isProven(strict, proven('20261113T120005Z'), when), true);
  assert.is(isProven(strict, proven('20261113T120003Z'), when), false);

  const refusal = (drills: string, more = {}) => {
    try {
      return verifyRestorable(strict, { ...facts(drills), ...more }, false);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return `${error.exit} ${error.message} → ${error.advice}`;
    }
  };
  assert.is(refusal(line('20261119T120004Z', 'good')), undefined);
  assert.is(
    refusal(''),
    '1 book staging wants a proven backup from the last 7 d, and no backup was ever proven → npx tsx tasks/backup.ts --env staging --app book && npx tsx tasks/drill.ts --env staging --app book, then again; or override with --unproven',
  );
  assert.match(refusal(line('20261101T120004Z', 'good')) ?? '', 'the last proven backup is from 19 d ago');
  // a drill of yesterday does not make an old backup young
  const old = line('20261101T120004Z', 'good').replace('2026-11-01', '2026-11-19');
  assert.match(refusal(old) ?? '', 'the last proven backup is from 19 d ago');
  assert.is(refusal('', { current: undefined, linked: undefined }), undefined, 'a first deploy has nothing to lose');
  assert.is(verifyRestorable(strict, facts(''), true), 'no backup was ever proven');
  assert.is(verifyRestorable(target, facts(''), false), undefined);
});

test('metrics are what Prometheus reads, with names that try to break out of their quotes', () => {
  const target = watched('metrics');
  const known = readState('backup good 5 5 1000 1000 12.5\ndrill bad 5 5 2000 0 -\nage:disk bad 5 5 5 5 -\n');
  const [proven] = readDrills(
    '2026-11-20T09:00:04Z env=staging backup=20261120T080000Z-3f2c1a verdict=good seconds=19',
    target,
  );
  const text = metricsOf(
    { app: 'bo"ok\\', environment: 'sta\nging' },
    {
      stores: [
        { name: 'disk', held: [held(1), held(2)] },
        { name: 'far', held: undefined },
      ],
      known,
      proven,
    },
  );
  const file = join(folder, 'book.prom');
  writeFileSync(file, 'before');
  bash(writeMetrics(file, text));
  assert.is(readFileSync(file, 'utf8'), text);
  assert.is(execFileSync('stat', ['-c', '%a', file], { encoding: 'utf8' }).trim(), '644');
  const parse = `import json,sys
from prometheus_client.parser import text_string_to_metric_families as parse
print(json.dumps([[s.name, s.labels, s.value] for f in parse(open(sys.argv[1]).read()) for s in f.samples]))`;
  const samples: [string, Record<string, string>, number][] = JSON.parse(
    execFileSync('/usr/bin/python3', ['-c', parse, file], { encoding: 'utf8' }),
  );
  const of = (name: string, label?: string) =>
    samples.find(
      ([own, labels]) => own === `bookops_backup_${name}` && (!label || Object.values(labels).includes(label)),
    )?.[2];
  assert.equal(samples[0]?.[1], { app: 'bo"ok\\', environment: 'sta\nging', task: 'backup' });
  assert.equal(
    [of('last_run_timestamp_seconds', 'drill'), of('last_success_timestamp_seconds', 'backup'), of('last_run_seconds', 'backup'), of('last_run_good', 'drill'), of('count', 'disk'), of('newest_bytes', 'disk'), of('restore_seconds'), of('problems')],
    [2000, 1000, 12.5, 0, 2, 10, 19, 2],
  ); // prettier-ignore
  assert.is(of('newest_timestamp_seconds', 'disk'), (when.getTime() - 3_600_000) / 1000);
  assert.is(of('proven_timestamp_seconds'), Date.UTC(2026, 10, 20, 8) / 1000);
  assert.is(of('count', 'far'), undefined);
  assert.is(of('last_success_timestamp_seconds', 'drill'), undefined);
});
test.run();
