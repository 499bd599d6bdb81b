// The way back asks nothing new of the release that served, a wait has one deadline, and a rollback knows what was passed then.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort } from '../support/free-port.ts';
import { makeBook, until, type Book } from '../support/book/book.ts';

let book: Book;
let opsYml: string;
test.before(async () => {
  book = await makeBook();
  opsYml = join(book.folder, 'ops.yml');
  writeFileSync(opsYml, readFileSync(opsYml, 'utf8').replace('deadline: 5s', 'deadline: 2s'));
  const { code, stderr } = await book.run('deploy', ['--sha', book.good1]);
  assert.is(code, 0, stderr);
});
test.after(() => book.clean());

/** Runs with an ops.yml in which some text is another. */
async function changed<T>(from: string | RegExp, to: string, run: () => Promise<T>): Promise<T> {
  const text = readFileSync(opsYml, 'utf8');
  assert.match(text, from);
  writeFileSync(opsYml, text.replace(from, to));
  try {
    return await run();
  } finally {
    writeFileSync(opsYml, text);
  }
}

async function isReverted(sha: string, why: RegExp) {
  const attempts = book.log().length;
  const { code, stderr } = await book.run('deploy', ['--sha', sha]);
  assert.is(code, 1, stderr);
  assert.match(stderr, why);
  assert.match(stderr, `reverted: ${book.good1.slice(0, 7)} is still live`);
  assert.not.ok(existsSync(join(book.place().root, 'maintenance/MAINTENANCE_ON')));
  assert.not.ok(existsSync(join(book.place().root, 'releases/.keeper/journal')));
  assert.is(book.current(), book.good1);
  assert.is(book.log().length, attempts + 1);
  assert.match(book.log().at(-1) ?? '', /outcome=reverted reason="/);
  return stderr;
}

const always: [string, string | RegExp, () => Promise<string>, RegExp][] = [
  ['a probe at a path that it does not have', /\/readyz/, async () => '/ready', /answers 404/],
];
const torture: typeof always = [
  [
    'another port',
    /ready: http:\/\/127.0.0.1:\d+/,
    async () => `ready: http://127.0.0.1:${await freePort()}`,
    /connect/,
  ],
  [
    'a probe more',
    'version: { json',
    async () => "probes: [{ name: search, url: 'http://127.0.0.1:1/' }]\n      version: { json",
    /search: /,
  ],
  ['a name with a typo', /ready: http:\/\/127.0.0.1/, async () => 'ready: http://nosuch.invalid', /ready: .*nosuch/],
  [
    'a probe that never answers in time',
    /ready: http:\/\/127.0.0.1/,
    async () => 'ready: http://192.0.2.1',
    /ready: .*192/,
  ],
  ['another status', 'ready: { json', async () => 'ready: { status: 418, json', /answers 200/],
  ['another word', 'status: ok', async () => 'status: fine', /says status/],
  ['a header', 'ready: { json', async () => 'ready: { header: { name: X-Ready, value: yes }, json', /X-Ready/],
  ['a deadline that it cannot keep', 'deadline: 2s', async () => 'deadline: 300ms', /./],
];
for (const [what, from, to, why] of [...always, ...(process.env['BOOKOPS_TORTURE'] ? torture : [])])
  test(`a deploy that comes with ${what} is undone, and the old release is what it was`, async () => {
    const sha = what.startsWith('a deadline') ? book.broken : book.good2;
    await changed(from, await to(), () => isReverted(sha, why));
    assert.is(await book.serves(), book.good1);
  });

test('a release that was down, and cannot start, does not have to on the way back', async () => {
  const folder = join(book.place().root, 'current');
  renameSync(join(folder, 'server.mjs'), join(folder, 'server.away'));
  const [supervisor = ''] = readFileSync(join(book.place().root, 'run/book.pid'), 'utf8').split(' ');
  process.kill(-Number(supervisor), 'SIGKILL');
  await until('nothing serves', async () => (await book.serves()) === undefined);
  await isReverted(book.broken, /search.idx is missing/);
  renameSync(join(folder, 'server.away'), join(folder, 'server.mjs'));
  const { code, stderr } = await book.run('restart');
  assert.is(code, 0, stderr);
});

test('an answer that only looks good ends with the deadline, and with the true reason', async () => {
  const server = `import { createServer } from 'node:http';
createServer((request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ status: 'starting', commitSha: process.env.SHA, parts: { cache: { status: 'ok' } } }));
}).listen(Number(process.env.PORT), '127.0.0.1');
`;
  const sha = book.commit('starting', { 'server.mjs': server });
  const from = performance.now();
  const stderr = await isReverted(sha, /was not ready after 2 s: ready: \S+ says status: "starting", expected "ok"/);
  const seconds = (performance.now() - from) / 1000;
  assert.ok(seconds < 20, `${seconds} s`);
  assert.match(stderr, 'version: ');
});

test('a rollback goes to a release that passed other probes when it went live', async () => {
  const server = readFileSync(join(book.repo, 'server.mjs'), 'utf8').replaceAll("'/readyz'", "'/healthy'");
  const sha = book.commit('healthy', { 'server.mjs': server });
  await changed('/readyz', '/healthy', async () => {
    const deploy = await book.run('deploy', ['--sha', sha]);
    assert.is(deploy.code, 0, deploy.stderr);
    const back = await book.run('rollback');
    assert.is(back.code, 0, back.stderr);
    assert.is(await book.serves(), book.good1);
    const again = await book.run('restart');
    assert.is(again.code, 0, again.stderr);
  });
});
test.run();
