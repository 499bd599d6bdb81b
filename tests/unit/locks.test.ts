// Every lock of the product has a limit of time, and whoever does not get it is told who has it.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { recordObservations } from '../../lib/alert/state.ts';
import { baseOn, openScratch } from '../../lib/backup/scratch.ts';
import type { Host } from '../../lib/host/host.ts';
import { localHost } from '../../lib/host/local.ts';
import { extendStep } from '../../lib/instance/steps.ts';
import { allPieces, scripts } from '../support/shell/pieces.ts';
import { failure } from '../support/failing.ts';
import { sample } from '../support/target/targets.ts';

const folder = mkdtempSync(join(tmpdir(), "bookops-it's locked-"));
test.after(() => rmSync(folder, { recursive: true, force: true }));
const target = sample({ database: undefined }, folder);
const { releases } = target.paths;
mkdirSync(join(releases, '.keeper/backup'), { recursive: true });
const host = localHost('here', { environment: process.env, terminal: undefined, signal: undefined });
/** The limits are 10 and 20 s. */
const soon = (text: string) => text.replaceAll(/flock -w \d+/g, 'flock -w 0.2');
const impatient: Host = { ...host, open: text => host.open({ ...text, text: soon(text.text) }) };
const run = (text: string) =>
  spawnSync('bash', ['-c', soon(text)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** Holds the lock of this file as a program does that was started by hand, while `work` runs. */
async function held(file: string, work: () => Promise<void> | void): Promise<void> {
  const holder = spawn('flock', [file, 'bash', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  await new Promise(resolve => holder.stdout.once('data', resolve));
  try {
    await work();
  } finally {
    holder.stdin.end();
    await new Promise(resolve => holder.once('close', resolve));
  }
}

test('no text waits for a lock without a limit', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const texts = [
    ...allPieces(root),
    ...scripts(root).map(file => ({ file, line: 1, text: readFileSync(`${root}${file}`, 'utf8') })),
  ];
  const calls = texts.flatMap(({ file, text }) =>
    text
      .split('\n')
      .filter(line => /(^|[^\w'/-])flock (?!--help)/.test(line) && !/^\s*#/.test(line))
      .map(line => `${file}: ${line.trim()}`),
  );
  assert.ok(calls.length > 10, String(calls.length));
  assert.equal(
    calls.filter(line => /(^|[^\w'/-])flock (?!-s?n |-w |--help)/.test(line)),
    [],
  );
});

test('a backup says which run tidies up, and leaves what is there', async () => {
  const base = join(releases, '.keeper/backup');
  const open = (by: Host) => openScratch(by, { base: baseOn(target), tools: [] });
  mkdirSync(join(base, 'scratch.dead/deep'), { recursive: true });
  writeFileSync(join(base, 'scratch.dead/deep/file'), 'x');
  mkdirSync(join(base, 'gone.before'));
  const first = await open(host);
  const by = /^process \d+ since 20\S+Z\n$/;
  assert.match(readFileSync(join(base, 'tidy'), 'utf8'), by);
  assert.equal(
    readdirSync(base).filter(name => /^(scratch|gone)\./.test(name)),
    [first.folder.slice(base.length + 1)],
  );
  await held(join(base, 'tidy'), async () => {
    const refused = await failure(open(impatient));
    assert.is(refused.exit, 5);
    assert.match(refused.message, /another run has been cleaning up: process \d+ since 20/);
  });
  await first.end();
});

test('who notes how backups are, and who gives an instance its time, says who is in the way', async () => {
  const noting = recordObservations(target, [{ subject: 'backup', bad: false }], ['backup']).text;
  assert.is(run(noting).status, 0);
  await held(join(releases, 'backups.state.lock'), () => {
    const { status, stderr } = run(noting);
    assert.is(status, 1);
    assert.match(stderr, /backups\.state has been locked for 20 s by process \d+ since 20/);
  });
  const mark = { name: 'pr-1', end: 2, made: 1, ports: [], by: 'ana', sha: undefined };
  mkdirSync(join(folder, 'instances/pr-1'), { recursive: true });
  writeFileSync(join(folder, 'instances/pr-1/instance'), 'x\n');
  const prelude = readFileSync(new URL('../../lib/host/step-functions.sh', import.meta.url), 'utf8');
  const extending = `${prelude}\n${extendStep(target, mark, 3).run.text}`;
  const done = run(extending);
  assert.is(done.status, 0, done.stderr);
  await held(join(folder, 'instances/.lock'), () => {
    const { status, stderr } = run(extending);
    assert.is(status, 1);
    assert.match(stderr, /another run has been working on the instances for 20 s: process \d+ since 20/);
  });
});
test.run();
