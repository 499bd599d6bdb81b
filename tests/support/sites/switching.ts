// Deploys, rollbacks and broken releases under load, with one switch on one runtime: what each switch promises, asserted.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Target } from '../../../lib/target/target.ts';
import type { Load } from '../droplet/load.ts';
import type { Report } from '../droplet/load-report.ts';
import { blueGreenOnDroplet, lostNothing, onlyServes } from './blue-green.ts';
import { ended, inLine } from './look.ts';
import { reachedByVisitors, visitorsOnDroplet, visitorsRoot, type VisitorsSite } from './visitors.ts';

type Runtime = 'compose' | 'systemd';
type Switch = Target['switch'];

/** With BOOKOPS_TORTURE=1 the whole series, and limits in seconds: a slow day of the machine must not fail a plain test. */
export const torture = process.env['BOOKOPS_TORTURE'] === '1';
const page = 'Back in a moment';
/** Of a machine that runs several test files at once, a third as much is asked. */
const perSecond = torture ? 200 : 70;

/** One change as visitors, the app and the release log saw it; seconds. */
type Change = {
  task: string;
  sha: string;
  seconds: number;
  report: Report;
  /** The longest that anything but a slow request took. */
  longest: number;
  /** The app's own times, by its own log; 0 where it did not stop or start. */
  stop: number;
  start: number;
  /** What systemd or Docker adds to both when they are told by hand. */
  supervisor: number;
  line: { requests: number; failures: number; told: number; longest: number; window: number };
};

export async function bootFor(how: Switch, runtime: Runtime, what = 'series'): Promise<VisitorsSite> {
  const name = `${what}-${how}-${runtime}`;
  if (how === 'blue-green') return blueGreenOnDroplet(name, runtime);
  const all = await visitorsOnDroplet(name, { runtime, switch: how });
  await reachedByVisitors(all);
  return all;
}

/** Declares the tests of a series; the site serves good1 when it begins. */
export function switchSeries(all: VisitorsSite, how: Switch): void {
  const { site, droplet, app } = all;
  const good = [app.good1, app.good2, app.good3];
  const all20 = Array.from({ length: 20 }, (_, at) => [
    { task: 'deploy', sha: good[(at + 1) % 3] ?? '' },
    ...(at % 4 === 3 ? [{ task: 'rollback', sha: good[at % 3] ?? '' }] : []),
  ]).flat();
  const sample = all20.filter((_, at) => at === 0 || (at === 4 && !all.registry));
  let begun: Load | undefined;
  let serving = app.good1;
  let supervisor = 0;

  test.before(async () => {
    ended(await site.task('deploy', '--env', 'production', '--sha', app.good1), 0);
    // a greeting of TLS costs this machine more than a request: with the limits in seconds, all have been said before
    const visit = () => all.visit({ page, perSecond, connections: torture ? 1000 : 0 });
    if (torture && how !== 'blue-green') {
      const others = visit();
      await pause(10_000);
      try {
        supervisor = await bySupervisor(all, how);
      } finally {
        await others.stop();
      }
    }
    begun = visit();
    await pause(torture ? 10_000 : 1500);
  });
  test.after(async () => {
    await begun?.stop();
  });
  const visits = () => {
    if (!begun) throw new Error('nobody visits yet');
    return begun;
  };

  async function change(task: string, sha: string, code: number): Promise<Change> {
    const from = await now();
    visits().lap();
    const words = task === 'deploy' ? ['--sha', sha] : ['--to', sha];
    const { seconds } = ended(await site.task(task, '--env', 'production', ...words), code);
    // an answer that is on its way belongs to this change, and who waited last has its turn last
    await pause(300 + (how === 'hold' ? seconds * 500 : 0));
    const report = visits().lap();
    const [times = '', line = ''] = (
      await droplet.root(`cat ${visitorsRoot}/data/times ${visitorsRoot}/shared/data/times 2>/dev/null
        echo =; tail -n 1 ${visitorsRoot}/releases/releases.log`)
    ).stdout.split('=\n');
    const at = (of: string, word: string) =>
      Number(
        times
          .split('\n')
          .findLast(one => one.endsWith(` ${of} ${word}`))
          ?.split(' ')[0] ?? 0,
      ) / 1000;
    const between = (of: string, first: string, last: string) =>
      at(of, first) >= from && at(of, last) >= at(of, first) ? at(of, last) - at(of, first) : 0;
    const word = (key: string) => Number(inLine(line, key) ?? 0);
    const { plain, upload } = report.requests;
    const done: Change = {
      task,
      sha,
      seconds,
      report,
      longest: Math.max(plain.longest, upload.longest, report.sockets.longestOpening),
      stop: between(serving, 'stops', 'ended'),
      start: between(sha, 'begins', 'listens'),
      supervisor,
      line: {
        requests: word('requests'),
        failures: word('failures'),
        told: word('told'),
        longest: word('longest'),
        window: word('window'),
      },
    };
    if (code === 0) serving = sha;
    console.log(told(done));
    return done;
  }
  const now = async () => Number((await droplet.root('date +%s.%N')).stdout);
  const noTwoWriters = async () => assert.is(await all.twoWriters(), '');
  /** One version after the other, and no other one. */
  const saw = ({ report }: Change, ...shas: string[]) =>
    assert.equal([...new Set(report.versions.map(one => one.sha))], shas, JSON.stringify(report.versions));

  // the first change makes the tools of the test warm, on the same two cores: its seconds are told and not judged
  const warming = { task: 'deploy', sha: app.good3 };
  for (const [at, { task, sha }] of (torture ? [warming, ...all20] : sample).entries())
    test(`${how}: visitors of a ${task} to ${sha.slice(0, 7)} ${how === 'maintenance' ? 'get an answer or the page' : 'all get their answer'}`, async () => {
      const was = serving;
      const one = await change(task, sha, 0);
      promised(how, one, torture && at > 0);
      saw(one, was, sha);
      await noTwoWriters();
      if (how === 'blue-green') await onlyServes(all, sha);
    });

  const broken = torture ? (['exitsAtOnce', 'neverReady'] as const) : (['exitsAtOnce'] as const);
  for (const name of broken)
    test(`${how}: visitors of a release that ${name === 'neverReady' ? 'never gets ready' : 'ends at once'} see the version before it`, async () => {
      site.rewrite(text => text.replace('deadline: 20s', 'deadline: 4s'));
      const one = await change('deploy', app[name], 1);
      saw(one, serving);
      if (how === 'maintenance') answeredOrTold(one.report);
      else assert.is(one.report.failures, 0, one.report.examples.join('\n'));
      assert.ok(one.line.requests > 0, 'the line of what was taken back tells of visitors too');
      assert.is(one.line.failures, 0);
      await noTwoWriters();
      if (how === 'blue-green') await onlyServes(all, serving);
    });

  test(`${how}: of all requests, slow ones, uploads and websockets, none was lost`, async () => {
    const report = await visits().stop();
    console.log(JSON.stringify({ ...report, versions: report.versions.length }));
    if (how === 'maintenance') answeredOrTold(report);
    else lostNothing(report);
    // at the end those under way are waited for, slow ones and all
    assert.ok(report.requests.plain.asked > 0.9 * perSecond * (report.seconds - 10), 'so many asked as should');
    assert.ok(report.requests.slow.ok > 0 && report.requests.upload.ok > 0 && report.sockets.echoes > 0);
  });
}

/**
 * Seconds that stopping and starting takes by hand beyond the app's own times, under the same load and with the gate closed
 * by hand: the longest of five, as a switch is not to blame for what its supervisor takes without it. `systemctl restart`, or `docker compose up` with the container made anew, as a new
 * version needs one.
 */
async function bySupervisor({ droplet, registry }: VisitorsSite, how: Switch): Promise<number> {
  const again = registry
    ? `at=$(ls -d ${visitorsRoot}/releases/*/compose.yml | tail -n 1); at=\${at%/*}
       docker compose -p visitors-production --project-directory ${visitorsRoot} --env-file $at/compose.env -f $at/compose.yml up -d --no-deps --force-recreate web 2>&1`
    : // five starts within ten seconds are as many as systemd allows
      'systemctl reset-failed bibliotheca-visitors; systemctl restart bibliotheca-visitors';
  const gate = `${visitorsRoot}/${how === 'hold' ? 'proxy/hold' : 'maintenance/MAINTENANCE_ON'}`;
  const found: number[] = [];
  for (let round = 0; round < 5; round++) {
    const said = await droplet.root(`: >${gate}; sleep 0.05
      from=$(date +%s%3N); { ${again}; } >/dev/null; sleep 1; rm ${gate}; sleep 2; echo $from
      tail -n 4 ${visitorsRoot}/data/times ${visitorsRoot}/shared/data/times 2>/dev/null | grep -E '^[0-9]'`);
    const [from = 0, stops = 0, ends = 0, begins = 0, listens = 0] = said.stdout
      .trim()
      .split('\n')
      .map(line => Number(line.split(' ')[0]));
    assert.ok(stops >= from && ends >= stops && begins >= ends && listens >= begins, said.stdout);
    found.push((listens - from - (ends - stops) - (listens - begins)) / 1000);
  }
  const longest = Math.max(...found);
  console.log(
    `by hand, systemd or Docker add ${found.map(one => one.toFixed(2)).join(' ')} s: ${longest.toFixed(2)} s`,
  );
  return longest;
}

/** What the switch promises of one change that went well, and that the release log says the same. */
function promised(how: Switch, { report, longest, stop, start, supervisor, line }: Change, inTime: boolean): void {
  const own = stop + start + supervisor;
  assert.ok(line.requests > 0, 'the deploy asked for itself');
  assert.is(line.failures, 0);
  if (how === 'maintenance') {
    answeredOrTold(report);
    assert.ok(report.told, 'the page was there');
    assert.ok(line.told > 0 && line.window > 0, JSON.stringify(line));
  } else {
    assert.is(report.failures, 0, report.examples.join('\n'));
    assert.is(report.told, undefined);
    assert.is(line.told, 0);
  }
  if (how !== 'blue-green') assert.ok(stop > 0 && start > 0 && line.window > 0, 'it stopped, and started');
  // blue-green promises no time
  if (!inTime || how === 'blue-green') return;
  if (how === 'maintenance') {
    atMost('the window', line.window, own + 0.3);
    const { from = 0, to = 0 } = report.told ?? {};
    near('the window that visitors saw, and that of the log', to - from, line.window);
  } else {
    atMost('the longest wait', longest, own + 0.5);
    near('the longest wait of visitors, and that of the log', longest, line.longest);
  }
}

function atMost(what: string, seconds: number, limit: number): void {
  assert.ok(seconds <= limit, `${what}: ${seconds.toFixed(2)} s, and at most ${limit.toFixed(2)} s were promised`);
}

/** The deploy asks five times a second, so it sees the beginning of a wait a little later. */
function near(what: string, one: number, other: number): void {
  assert.ok(Math.abs(one - other) < 0.7, `${what}: ${one.toFixed(2)} s and ${other.toFixed(2)} s`);
}

/** 503 with the page, or the answer; nothing else. */
function answeredOrTold({ failures, examples }: Report): void {
  assert.is(failures, 0, examples.join('\n'));
}

function told({ task, sha, seconds, report, longest, stop, start, supervisor, line }: Change): string {
  const { requests, sockets, failures, told: page, versions, examples } = report;
  const asked = requests.plain.asked + requests.slow.asked + requests.upload.asked;
  const window = page ? ` told ${(page.to - page.from).toFixed(2)} s` : '';
  const log = Object.entries(line).map(([key, value]) => `${key}=${value}`);
  return (
    `${task} ${sha.slice(0, 7)} ${seconds.toFixed(1)} s: ${asked} requests, ${failures} failed, longest ${longest.toFixed(2)} s,${window} ` +
    `sockets ${sockets.closed} closed; own stop ${stop.toFixed(2)} start ${start.toFixed(2)} and ${supervisor.toFixed(2)}, beyond ${((page ? line.window : longest) - stop - start - supervisor).toFixed(2)}; ` +
    `log ${log.join(' ')}; versions ${versions.map(one => one.sha.slice(0, 4)).join(' ')}${examples.map(one => `\n  ${one}`).join('')}`
  );
}

const pause = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms));
