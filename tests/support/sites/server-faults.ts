// Runs the table of faults on one droplet: a deploy, the fault at its moment, and one judge of what is true afterwards.
import { setTimeout as pause } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fileFaults } from '../faults/server-faults-files.ts';
import { knownFaults } from '../faults/server-faults-known.ts';
import { serviceFaults } from '../faults/server-faults-services.ts';
import { moments, type End, type Fault } from '../faults/server-faults.ts';
import { env, isCalm, isTrue, migrates, see, type Faulty, type Runtime, type Seen } from './faulty.ts';
import { ended, inLine } from './look.ts';
import type { Running, Said } from './site.ts';

export const faultsOf = (runtime: Runtime): Fault[] =>
  [...knownFaults, ...serviceFaults, ...fileFaults].filter(one => !one.on || one.on === runtime);

/** BOOKOPS_FAULTS=<regular expression> takes what is called like that. */
export const wanted = new RegExp(process.env['BOOKOPS_FAULTS'] ?? '');

/** Seconds until somebody serves; BOOKOPS_PATIENCE for a machine that has other things to do. */
const patience = Number(process.env['BOOKOPS_PATIENCE'] ?? 30);

/** Declares a test for each row. */
export function disturbServer(all: Faulty): void {
  const { runtime } = all;
  const rows = faultsOf(runtime).filter(one => wanted.test(one.title));
  const told: Record<string, number> = {};
  for (const [at, fault] of rows.entries())
    test(`${runtime}: ${fault.title} (${fault.at}${fault.deploys ? `, ${fault.deploys}` : ''})`, async () => {
      try {
        const one = await befall(all, fault);
        told[one.end] = (told[one.end] ?? 0) + 1;
        console.log(`${runtime} ${at + 1}/${rows.length} ${JSON.stringify({ title: fault.title, ...one })}`);
      } catch (error) {
        console.log(`${runtime} ${at + 1}/${rows.length} BROKE ${fault.title}`);
        console.log(error instanceof Error ? `${error.message}\n${error.stack}` : error);
        console.log(
          (
            await all.disturb(
              'ls -la $home $home/journal; cat $home/journal/stuck; tail -n 3 $releases/releases.log; docker ps -a; systemctl status $unit | head -n 20',
            )
          ).stdout,
        );
        await rescue(all, fault);
        throw error;
      }
    });
  test(`${runtime}: after all of that a deploy needs no repair`, async () => {
    console.log(`${runtime}: ${JSON.stringify(told)}`);
    await deploysAgain(all, await see(all));
  });
}

/** One fault, and what came of it. @returns which release serves, and the seconds after the fault until it did */
async function befall(all: Faulty, fault: Fault): Promise<{ end: End; exit: number; seconds: number }> {
  const { site, app } = all;
  const before = await see(all);
  const next = fault.deploys === 'unready' ? app.neverReady : otherGood(all, before);
  migrates(all, fault.deploys === 'bad migration' ? 'bad' : 'good', fault.deploys === 'unready' ? 4 : 20);
  // what a person has to come for is tried for a short time only
  const short = fault.mend !== undefined || fault.out !== undefined;
  await all.disturb(short ? 'echo 3 >$home/patience; chown deploy: $home/patience' : 'rm -f $home/patience');
  const running = site.start('deploy', ...env, '--sha', next);
  await running.until(moments[fault.at]);
  // what is told is that the step before it is done; it has begun by then
  if (['migrate', 'wait'].includes(fault.at)) await pause(300);
  await strike(all, fault, running);
  let since = performance.now();
  let said: Said | undefined;
  if (fault.mend) said = await within(240, running);
  const calm = async () => {
    await isCalm(all, patience);
    return (performance.now() - since) / 1000;
  };
  let seconds = 0;
  if (!fault.mend) {
    // a client that ends with 6 ends the wait for what will not come
    const stuck = running.ended.then(one => (one.code === 6 ? 'stuck' : new Promise<never>(() => {})));
    const first = await Promise.race([calm(), stuck]);
    if (typeof first === 'number') seconds = first;
    said = await within(100, running);
  }
  assert.ok(said);
  if (said.code === 6) {
    assert.ok(fault.ends.includes('stuck'), `exit 6 where it should not be\n${said.stderr}`);
    await recovers(all, fault, before, next, said);
    return { end: 'stuck', exit: 6, seconds: 0 };
  }
  if (fault.mend) {
    await mends(all, fault);
    since = performance.now();
    seconds = await calm();
  }
  const after = await see(all);
  const end: End = after.serves === next ? 'new' : 'old';
  assert.ok(fault.ends.includes(end), `${end}: ${said.stderr}`);
  judge(before, after, end, next, said);
  await isTrue(all, end === 'new' ? next : before.serves);
  return { end, exit: said.code, seconds: Math.round(seconds * 10) / 10 };
}

/** The next good version in turn. */
function otherGood({ app }: Faulty, { serves }: Seen): string {
  const good = [app.good1, app.good2, app.good3];
  return good[(good.indexOf(serves) + 1) % 3] ?? app.good1;
}

/** Resolves when the fault is over with what was started beside it, or has begun when it is mended later. */
async function strike(
  { disturb, site }: Faulty,
  { client, strike: script, beside }: Fault,
  { child }: Running,
): Promise<void> {
  const struck = script === undefined ? undefined : disturb(script);
  if (client === 'SIGKILL') child.kill('SIGKILL');
  else if (client) {
    child.kill('SIGSTOP');
    await pause(client.frozen * 1000);
    child.kill('SIGCONT');
  }
  const other = beside === undefined ? undefined : pause(300).then(() => site.task(beside, ...env, '--wait', '60s'));
  const said = await struck;
  if (process.env['BOOKOPS_FAULTS'] && said) console.log(`struck ${said.code}: ${said.stderr.slice(-1500)}`);
  await other;
}

async function mends({ disturb }: Faulty, { mend = 'true' }: Fault): Promise<void> {
  const said = await disturb(`set -e\n${mend}`);
  assert.is(said.code, 0, said.stderr);
}

/** What the client said, what the log says and what serves are one story, and no row is lost or left over. */
function judge(before: Seen, after: Seen, end: 'old' | 'new', next: string, said: Said): void {
  const story = `${said.stderr}\n${after.log.slice(-3).join('\n')}`;
  if (said.code === 0) assert.is(end, 'new', story);
  if (said.code === 1) assert.is(end, 'old', story);
  const lines = after.log.slice(before.log.length).filter(line => inLine(line, 'sha') === next);
  assert.ok(lines.length <= 1 || after.log.length <= 2, `one line at most: ${story}`);
  if (end === 'old')
    assert.ok(
      lines.every(line => ['lost', 'aborted', 'failed', 'reverted'].includes(inLine(line, 'outcome') ?? '')),
      story,
    );
  assert.is(after.rows, before.rows, 'every row is there');
  const made = end === 'new' ? ['migration begun', 'migration done'] : [];
  assert.equal(after.migrated, [...before.migrated, ...made]);
}

/** Out of exit 6, by what a person types. Afterwards the old release serves, or the next deploy makes it right. */
async function recovers(all: Faulty, fault: Fault, before: Seen, next: string, said: Said): Promise<void> {
  const { site } = all;
  if (/is live, but/.test(said.stderr)) {
    // somebody took away what was just recorded
    assert.match(said.stderr, 'tasks/restart.ts --env production --app visitors');
    await mends(all, fault);
    ended(await site.task('restart', ...env), 0);
    await isTrue(all, next);
    return deploysAgain(all, before);
  }
  assert.match(said.stderr, /tasks\/recover\.ts --env production --app visitors/);
  const shown = ended(await site.task('recover', ...env, '--plan'), 0);
  assert.match(shown.stdout, /left to undo|it was decided/);
  assert.match((await site.task('status', ...env)).stdout, 'recover.ts');
  if (fault.out === 'accept') {
    ended(await site.task('recover', ...env), 6);
    const accepted = ended(await site.task('recover', ...env, '--accept', 'visitors/production', '--json'), 0);
    assert.is(accepted.json['outcome'], 'accepted');
    await mends(all, fault);
  } else {
    await mends(all, fault);
    ended(await site.task('recover', ...env), 0);
    await isCalm(all, patience);
    const after = await see(all);
    // what was decided goes forward
    const decided = shown.stdout.includes('it was decided');
    assert.equal([after.serves, after.rows], [decided ? next : before.serves, before.rows]);
    if (!decided) assert.equal(after.migrated, before.migrated);
    await isTrue(all, after.serves);
  }
  await deploysAgain(all, before);
}

/** The next deploy works, and is on top of all rows there were. */
async function deploysAgain(all: Faulty, before: Seen): Promise<void> {
  migrates(all, 'good', 20);
  const now = await see(all);
  const next = otherGood(all, now.serves ? now : before);
  ended(await all.site.task('deploy', ...env, '--sha', next), 0);
  // where what was accepted did not serve, it is a person who lets visitors in
  ended(await all.site.task('maintenance', 'off', ...env), 0);
  await isTrue(all, next);
  const after = await see(all);
  assert.is(after.rows, before.rows);
  assert.equal(after.migrated.slice(0, before.migrated.length), before.migrated);
  assert.equal(after.migrated.slice(-2), ['migration begun', 'migration done']);
}

async function within(seconds: number, running: Running): Promise<Said> {
  const late = pause(seconds * 1000, undefined, { ref: false }).then(() => {
    throw new Error(`no end within ${seconds} s\n${running.output()}`);
  });
  return Promise.race([running.ended, late]);
}

/** After a row that broke, for those after it. */
async function rescue(all: Faulty, { mend = 'true' }: Fault): Promise<void> {
  await all.disturb(`${mend}\ndrain; echo 1 >$home/patience`);
  const said = await all.site.task('recover', ...env);
  if (said.code !== 0) await all.site.task('recover', ...env, '--accept', 'visitors/production', '--maintenance-off');
  migrates(all, 'good', 20);
  const { serves } = await see(all);
  await all.site.task('deploy', ...env, '--sha', otherGood(all, { serves, log: [], migrated: [], rows: '' }));
  await all.site.task('maintenance', 'off', ...env);
}
