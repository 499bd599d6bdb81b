// The shell that reaches a host, from files and from builders, passes shellcheck.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { stories, textsOf } from '../support/target/targets.ts';

const lib = new URL('../../lib/', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'bookops-shellcheck-'));

/** Findings that stand, each with its reason. */
const reasons = {
  SC1091: 'sourced files are checked on their own',
  SC2317: 'functions of the prelude are called by other texts',
  SC2034: 'variables of the prelude are read by other texts',
  SC2002: 'cat of a file that may be missing, with its complaint silenced',
  SC2016: 'text in single quotes for another bash',
  SC2174: 'mkdir -p -m: only the deepest folder is meant to be private',
};

/** A developer may do without it; CI may not. */
const missing = spawnSync('shellcheck', ['--version']).status !== 0;
if (missing) console.log('left out: shellcheck is not installed (apt-get install shellcheck)');

function check(files: string[], but: string[] = []): string {
  if (missing && !process.env.CI) return '';
  const flags = ['--shell=bash', '--format=gcc', `--exclude=${[...Object.keys(reasons), ...but].join(',')}`];
  const { stdout, stderr, error } = spawnSync('shellcheck', [...flags, ...files], { encoding: 'utf8' });
  assert.is(error, undefined, 'shellcheck is missing: apt-get install shellcheck');
  return stdout + stderr;
}

test('the files for the host are without a finding', () => {
  const files = readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.sh'))
    .map(name => join(lib, name));
  assert.ok(files.length >= 4);
  assert.is(check(files, inFiles), '');
});

/** Their settings are put in front of their text. */
const inFiles = ['SC2154'];

/** In texts that builders made, besides: each with its reason. */
const inBuilt = {
  SC1003: "quote() writes a quote as '\\''",
  SC2012: 'ls of a folder whose names are checked by isReleaseName',
  SC2046: 'lists of services and containers that must fall apart into words',
  SC2086: 'the same',
  SC2050: 'constants that ops.yml put there',
  SC2154: 'variables such as KEEPER_RUN come from the keeper',
  SC2218: 'functions are defined twice where two parts of a text need them',
};

test('the texts that the runtimes build are without a finding', () => {
  const wanted = /: second deploy: |over another tool: Take over/;
  const texts = stories().filter(({ name }) => /^(process|systemd|compose): /.test(name)).flatMap(story => textsOf(story, 'set -euo pipefail')); // prettier-ignore
  const chosen = new Map(texts.filter(([name]) => wanted.test(name)));
  assert.ok(chosen.size > 40, String(chosen.size));
  const files = [...chosen].map(([name, text], index) => {
    const file = join(folder, `${index}-${name.replace(/[^a-z0-9]+/gi, '-')}.sh`);
    writeFileSync(file, `${text}\n`);
    return file;
  });
  assert.is(check(files, Object.keys(inBuilt)), '');
});

test.after(() => rmSync(folder, { recursive: true, force: true }));

test.run();
