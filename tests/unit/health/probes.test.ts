// Probes: what is wrong with an answer in one sentence, and the wait on the host until every probe is good.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Probe, Health } from '../../../lib/target/health-settings.ts';
import { Failure } from '../../../lib/errors.ts';
import {
  explainProbes,
  judgeProbes,
  probeLines,
  readAnswers,
  readyWords,
  waitUntilReady,
} from '../../../lib/health/probes.ts';
import { mismatch } from '../../../lib/health/mismatch.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-probes-'));
const prelude = readFileSync(new URL('../../../lib/host/step-functions.sh', import.meta.url), 'utf8');
const sha = '3f2c1ab9'.repeat(5);
const probe = (more: Partial<Probe> = {}): Probe => ({
  name: 'ready',
  url: 'http://127.0.0.1:4000/readyz',
  status: 200,
  json: {},
  header: undefined,
  ...more,
});
const health = (...probes: Probe[]): Health => ({ probes, deadlineSeconds: 3, intervalSeconds: 0.1 });
const seen = (more: Partial<{ status: number; head: string; body: string; why: string }> = {}) => ({
  name: 'ready',
  status: 200,
  head: '',
  body: '',
  why: '',
  ...more,
});

const sentences: [string, Probe, ReturnType<typeof seen>, string | undefined][] = [
  ['good', probe(), seen(), undefined],
  [
    'refused',
    probe(),
    seen({ status: 0, why: "curl: (7) Failed to connect to 127.0.0.1 port 4000: Couldn't connect to server" }),
    "Failed to connect to 127.0.0.1 port 4000: Couldn't connect to server",
  ],
  ['silence', probe(), seen({ status: 0 }), 'did not answer'],
  [
    'a redirect',
    probe(),
    seen({ status: 301, head: 'HTTP/1.1 301 Moved\r\nLocation: https://book.example/login\r\n\r\n' }),
    'answers 301, a redirect to https://book.example/login, and a probe follows none',
  ],
  [
    'a path that is not there',
    probe(),
    seen({ status: 404, body: '<h1>Not Found</h1>' }),
    'answers 404: Not Found (nothing at this path: is the path or the port of the probe right?)',
  ],
  [
    'a host that is refused',
    probe(),
    seen({ status: 400, body: '' }),
    'answers 400 (does the app refuse this Host header?)',
  ],
  [
    '503 with a reason in JSON',
    probe(),
    seen({ status: 503, body: '{"status":"degraded","reason":"migrations pending"}' }),
    'answers 503: migrations pending',
  ],
  [
    '503 with more in JSON',
    probe(),
    seen({ status: 503, body: '{"checks":{"database":false}}' }),
    'answers 503: {"checks":{"database":false}}',
  ],
  [
    '503 with text',
    probe(),
    seen({ status: 503, body: '\n database is locked\nmore' }),
    'answers 503: database is locked',
  ],
  [
    'the wrong status of JSON',
    probe({ json: { status: 'ok' } }),
    seen({ body: '{"status":"degraded"}' }),
    'says status: "degraded", expected "ok"',
  ],
  [
    'a version that is another',
    probe({ json: { 'build.commitSha': '{sha}' } }),
    seen({ body: `{"build":{"commitSha":"${'0'.repeat(40)}"}}` }),
    `says build.commitSha: "${'0'.repeat(40)}", expected "${sha}"`,
  ],
  [
    'a version that is right',
    probe({ json: { 'build.commitSha': '{sha7}', ok: true, n: 3 } }),
    seen({ body: `{"build":{"commitSha":"3f2c1ab"},"ok":true,"n":3}` }),
    undefined,
  ],
  [
    'a key that is not there',
    probe({ json: { 'a.b.c': 'x' } }),
    seen({ body: '{"a":[]}' }),
    'says a.b.c: nothing, expected "x"',
  ],
  [
    'a word for a boolean',
    probe({ json: { ok: true } }),
    seen({ body: '{"ok":"true"}' }),
    'says ok: "true", expected true',
  ],
  [
    'not JSON',
    probe({ json: { status: 'ok' } }),
    seen({ body: '<!doctype html>' }),
    'answers 200 with something that is not JSON',
  ],
  [
    'a header that differs',
    probe({ header: { name: 'X-Version', value: '{sha7}' } }),
    seen({ head: 'HTTP/1.1 200 OK\r\nx-version: 0000000\r\n' }),
    'has X-Version "0000000", expected 3f2c1ab',
  ],
  [
    'a header that is missing',
    probe({ header: { name: 'X-Version', value: '{sha7}' } }),
    seen({ head: 'HTTP/1.1 200 OK\r\n' }),
    'has X-Version missing, expected 3f2c1ab',
  ],
  [
    'a header that is right',
    probe({ header: { name: 'X-Version', value: 'v.{sha}' } }),
    seen({ head: `HTTP/1.1 200 OK\r\nX-VERSION:   v.${sha}\r\n` }),
    undefined,
  ],
];
for (const [what, one, answer, sentence] of sentences)
  test(`explained in one sentence: ${what}`, () => assert.is(mismatch(one, answer, sha), sentence));

const encode = (text: string) => Buffer.from(text).toString('base64');

test('the end of a wait names the release, each bad probe with its URL, and the tail of the log', () => {
  const text = `probe ready 503 . ${encode('{"reason":"no redis"}')}. .\nlog ${encode('one\ntwo\n')}\n`;
  const late = explainProbes(health(probe(), probe({ name: 'version' })), sha, 70, text);
  assert.is(
    late.message,
    '3f2c1ab was not ready after 3 s: ready: http://127.0.0.1:4000/readyz answers 503: no redis; version: http://127.0.0.1:4000/readyz did not answer',
  );
  assert.is(late.detail, 'the last lines of its log:\none\ntwo');
  const dead = explainProbes(health(probe()), sha, 71, `dead ${encode('container web-1 exited with code 3\n')}\n`);
  assert.is(dead.message, '3f2c1ab exited right after its start: container web-1 exited with code 3');
  assert.is(dead.detail, 'it wrote nothing to its log');
});

test('the judge has the last word, and asks again until the host says that the deadline is over', () => {
  const one = health(probe({ json: { status: 'ok' } }));
  const answer = (body: string) => `probe ready 200 . ${encode(body)}. .\n`;
  assert.is(judgeProbes(one, sha)(answer('{"status":"ok"}')), undefined);
  const judged = judgeProbes(one, sha);
  assert.is(judged(answer('{"other":{"status":"ok"}}')), 'again');
  assert.is(judged(`over\n${answer('{"status":"ok"}')}`), undefined);
  assert.throws(
    () => judged(`over\n${answer('{"other":{"status":"ok"}}')}log ${encode('its last words')}`),
    (error: unknown) =>
      error instanceof Failure &&
      error.message ===
        '3f2c1ab was not ready after 3 s: ready: http://127.0.0.1:4000/readyz says status: nothing, expected "ok"' &&
      /its last words/.test(error.detail ?? ''),
  );
});

test('a host whose clock stands still does not make the judge ask for ever', () => {
  const judged = judgeProbes({ ...health(probe({ json: { status: 'ok' } })), deadlineSeconds: 0 }, sha);
  assert.throws(() => judged(`probe ready 200 . ${encode('{}')}. .\n`), /was not ready/);
});

const found: [string, unknown, Record<string, string | number | boolean>][] = [
  ['a place in a list', { checks: [{ ok: true }] }, { 'checks.0.ok': true }],
  ['the last of a path is a place', { checks: ['no', 'ok'] }, { 'checks.1': 'ok' }],
  ['a list of lists', [[1], [2, 3]], { '1.1': 3 }],
  ['a list as the whole', [{ status: 'ok' }], { '0.status': 'ok' }],
  ['a key of digits', { '0': { ok: 'yes' } }, { '0.ok': 'yes' }],
  ['a key with a dot', { 'db.main': { ok: true }, 'a.b': 1 }, { 'db.main.ok': true, 'a.b': 1 }],
  ['a key that objects have anyway', { constructor: 'me' }, { constructor: 'me' }],
];
for (const [what, body, json] of found)
  test(`found in JSON: ${what}`, () => {
    assert.is(mismatch(probe({ json }), seen({ body: JSON.stringify(body) }), sha), undefined);
    const other = Object.fromEntries(Object.entries(json).map(([path]) => [path, 'another']));
    assert.match(mismatch(probe({ json: other }), seen({ body: JSON.stringify(body) }), sha) ?? '', /^says /);
  });

/** Runs the wait in bash with curl, as a step would. */
function wait(
  one: Health,
  alive = 'alive() { :; }',
  text = waitUntilReady(one, sha).text,
): Promise<{ code: number | null; answer: string; seconds: number; errors: string }> {
  const file = join(folder, `answer-${Math.random()}`);
  const script = `set -- ${folder}/prelude.sh\n${prelude}\nset --\nexec 3>${file}\n${alive}\nlog_tail() { echo "its last words"; }\n${text}`;
  const from = performance.now();
  return new Promise(resolve => {
    const child = spawn('bash', ['-s'], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { ...process.env, http_proxy: 'http://127.0.0.1:1' },
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.stdin.end(script);
    child.on('close', code =>
      resolve({ code, answer: readFileSync(file, 'utf8'), seconds: (performance.now() - from) / 1000, errors }),
    );
  });
}

async function serving<T>(listener: RequestListener, run: (url: string, server: Server) => Promise<T>): Promise<T> {
  const server = createServer(listener);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  try {
    return await run(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`, server);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('the last words are not our own requests: two of them are left as examples, and what else has the path stays', () => {
  const probes = ['up?deep=1', ''].map(path => probe({ url: `http://127.0.0.1:1/${path}` }));
  const log = [
    'booting',
    ...Array.from({ length: 40 }, (_, at) => `{"path":"/up","dur":${at}}`),
    'GET / 302',
    'migrations/upgrade is missing',
    '/uploads is full',
    'a\\n%s',
  ];
  const script = `${readyWords.text}\n${probeLines(probes, sha).text}\nlast_words 12`;
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { input: log.join('\n'), encoding: 'utf8' });
  assert.equal(stdout.trimEnd().split('\n'), ['booting', log[39], log[40], ...log.slice(41)], stderr);
});

test('the wait ends soon after the app is ready', async () => {
  const from = Date.now();
  await serving(
    (_, response) => {
      const ready = Date.now() - from > 1000;
      response.statusCode = ready ? 200 : 503;
      response.end(JSON.stringify({ status: ready ? 'ok' : 'starting' }));
    },
    async url => {
      const { code, answer, seconds } = await wait(health(probe({ url: `${url}/readyz`, json: { status: 'ok' } })));
      assert.is(code, 0);
      assert.ok(seconds > 0.8 && seconds < 8, `${seconds} s`);
      assert.is(readAnswers(answer).probes[0]?.status, 200);
    },
  );
});

test('the wait gives up at its deadline and brings the last answer and the log', async () => {
  await serving(
    (_, response) => {
      response.statusCode = 503;
      response.end('{"reason":"migrations pending"}');
    },
    async url => {
      const one = { ...health(probe({ url })), deadlineSeconds: 1 };
      const { code, answer, seconds } = await wait(one);
      assert.is(code, 70);
      assert.ok(seconds < 10, `${seconds} s`);
      const { message, detail } = explainProbes(one, sha, 70, answer);
      assert.match(message, 'answers 503: migrations pending');
      assert.match(detail, 'its last words');
    },
  );
});

test('an app that dies is noticed at once, whatever its port does', async () => {
  const { code, answer, seconds } = await wait(
    health(probe({ url: 'http://127.0.0.1:1/' })),
    'alive() { echo "container web-1 exited with code 3"; return 1; }',
  );
  assert.is(code, 71);
  assert.ok(seconds < 5, `${seconds} s`);
  assert.match(explainProbes(health(probe()), sha, 71, answer).message, 'container web-1 exited with code 3');
});

test('a dead app is dead although something else answers well on its port', async () => {
  await serving(
    (_, response) => response.end('{}'),
    async url => assert.is((await wait(health(probe({ url })), 'alive() { return 1; }')).code, 71),
  );
});

test('expected values with the letters of regular expressions, quotes and umlauts are found as they stand', async () => {
  const odd = 'a.*b+(c)?[d]^$|{1}\\ "q" \'s\' ü %s $(touch PWNED) `x`';
  await serving(
    (_, response) => {
      response.setHeader('X-Odd', 'v1.0+[a](b)$');
      response.end(JSON.stringify({ deep: { key: odd } }));
    },
    async url => {
      const good = probe({ url, json: { 'deep.key': odd }, header: { name: 'X-Odd', value: 'v1.0+[a](b)$' } });
      const { code, answer, errors } = await wait(health(good));
      assert.is(code, 0, errors + JSON.stringify(readAnswers(answer)));
      assert.is(judgeProbes(health(good), sha)(answer), undefined);
      // the letters mean themselves: a value they would match as a pattern is another value
      const other = probe({ url, header: { name: 'X-Odd', value: 'v1.0+[ab](b)$' } });
      assert.is((await wait({ ...health(other), deadlineSeconds: 0.3 })).code, 70);
    },
  );
});

test('a large, a slow and a broken answer do not hold up or break the wait', async () => {
  await serving(
    (request, response) => {
      if (request.url === '/large') response.end('x'.repeat(3_000_000));
      else if (request.url === '/broken') response.socket?.destroy();
      else response.end('\0\x01binary\xff');
    },
    async url => {
      const large = await wait({ ...health(probe({ url: `${url}/large` })), deadlineSeconds: 0.3 });
      assert.ok(large.code === 0 || large.code === 70);
      const broken = await wait({ ...health(probe({ url: `${url}/broken` })), deadlineSeconds: 0.3 });
      assert.is(broken.code, 70);
      assert.match(explainProbes(health(probe()), sha, 70, broken.answer).message, 'Empty reply');
      assert.is((await wait(health(probe({ url: `${url}/binary` })))).code, 0);
    },
  );
});

test('all probes have to be good at once; a release that was live may be good by those that it passed then', async () => {
  await serving(
    (request, response) => {
      response.statusCode = request.url === '/live' ? 200 : 503;
      response.end('{"version":"old"}');
    },
    async url => {
      const both = health(probe({ url: `${url}/live` }), probe({ name: 'two', url: `${url}/two` }));
      assert.is((await wait({ ...both, deadlineSeconds: 0.3 })).code, 70);
      const asked = { ...both, passed: [probe({ url: `${url}/live` })] };
      const then = await wait(asked);
      assert.is(then.code, 0);
      assert.is(judgeProbes(asked, sha)(then.answer), undefined);
      const neither = { ...both, deadlineSeconds: 0.3, passed: [probe({ url: `${url}/three` })] };
      const late = await wait(neither);
      assert.is(late.code, 70);
      assert.match(
        explainProbes(neither, sha, 70, late.answer).message,
        /two: .* 503.*; nor by what it passed .*three answers 503/,
      );
    },
  );
});

const spelled: [string, string, Record<string, string | number | boolean>][] = [
  ['with a place in a list', '{"checks":[{"ok":true}]}', { 'checks.0.ok': true }],
  ['where the last is a place', '{"checks":["ok"]}', { 'checks.0': 'ok' }],
  ['with escaped letters', '{"st\\u0061tus":"caf\\u00e9 a\\/b"}', { status: 'café a/b' }],
  ['with tabs and lines', '{\n\t"status"\t:\n\t"ok"\n}', { status: 'ok' }],
  ['with another spelling of the number', '{"n":1.0e0}', { n: 1 }],
  ['with a dot in its key', '{"a.b":{"c.d":false}}', { 'a.b.c.d': false }],
];
test('what is good to the judge is good to the shell, however it is spelled', async () => {
  await serving(
    (request, response) => response.end(spelled[Number(request.url?.slice(1))]?.[1]),
    async url => {
      await Promise.all(
        spelled.map(async ([what, , json], at) => {
          const one = { ...health(probe({ url: `${url}/${at}`, json })), deadlineSeconds: 1 };
          const { code, answer } = await wait(one);
          assert.is(code, 0, what);
          assert.is(judgeProbes(one, sha)(answer), undefined, what);
        }),
      );
    },
  );
});

test('a URL is one word for curl: no option, no list, no file', async () => {
  writeFileSync(join(folder, 'secret'), 'top');
  for (const url of ['-o/tmp/x', '--config=/etc/passwd', `file://${folder}/secret`]) {
    const { code, answer } = await wait({ ...health(probe({ url })), deadlineSeconds: 0.2 });
    assert.is(code, 70, url);
    assert.not.match(
      readAnswers(answer)
        .probes.map(one => one.body)
        .join(''),
      'top',
    );
  }
});

test('brackets and braces in a URL stand for themselves', async () => {
  await serving(
    (request, response) => {
      response.statusCode = request.url === '/up?ids[]=1&x={a,b}' ? 200 : 404;
      response.end();
    },
    async url => assert.is((await wait(health(probe({ url: `${url}/up?ids[]=1&x={a,b}` })))).code, 0),
  );
});

test('a deadline of less than a second, or with a fraction, is no error of arithmetic', async () => {
  const one = { ...health(probe({ url: 'http://127.0.0.1:1/' })), deadlineSeconds: 0.2 };
  assert.is((await wait(one)).code, 70);
});

test.after(() => rmSync(folder, { recursive: true, force: true }));

test.run();
