// What is noted of a release before it is stopped, and what is asked of it on the way back, in a real bash.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Probe, Health } from '../../../lib/target/health-settings.ts';
import { wayBack } from '../../../lib/health/previous-release.ts';
import { script, type Command } from '../../../lib/host/sh.ts';

const folder = mkdtempSync(join(tmpdir(), 'bookops-way-back-'));
const prelude = readFileSync(new URL('../../../lib/host/step-functions.sh', import.meta.url), 'utf8');
test.after(() => rmSync(folder, { recursive: true, force: true }));

const probe = (name: string, url: string, more: Partial<Probe> = {}): Probe => ({
  name,
  url,
  status: 200,
  json: {},
  header: undefined,
  ...more,
});

type Story = {
  /** Paths that are good before, and on the way back. */
  before: string[];
  after: string[];
  lives: [before: boolean, after: boolean];
  starts?: boolean;
  /** Not even noted. */
  unnoted?: true;
};

/** Notes, then goes back, with a patience of 3 s. */
async function tell({ before, after, lives, starts = true, unnoted }: Story) {
  const home = mkdtempSync(join(folder, 'one-'));
  mkdirSync(join(home, 'journal'));
  mkdirSync(join(home, 'run'));
  writeFileSync(join(home, 'journal/prelude.sh'), prelude);
  let good = before;
  const server = createServer((request, response) => {
    response.statusCode = good.includes(request.url ?? '') ? 200 : 503;
    response.end();
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  const health: Health = {
    probes: [probe('ready', `${url}/ready`), probe('version', `${url}/ready`, { json: { sha: '{sha}' } })],
    deadlineSeconds: 1,
    intervalSeconds: 0.1,
  };
  const way = wayBack(health, [probe('ready', `${url}/then`)]);
  const vitals = (alive: boolean) => script(`alive() { ${alive ? ':' : 'echo gone; false'}; }`);
  const run = (text: Command) =>
    new Promise<{ code: number | null; said: string }>(done => {
      writeFileSync(join(home, 'step'), text.text.replace('back_again 60', 'back_again 3'));
      const child = spawn(
        'bash',
        ['-c', '. "$1"; . "$2"', 'bash', join(home, 'journal/prelude.sh'), join(home, 'step')],
        {
          env: { ...process.env, KEEPER_RUN: join(home, 'run') },
        },
      );
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (said += text.toString()));
      child.on('close', code => done({ code, said }));
    });
  try {
    if (!unnoted) assert.equal(await run(way.note(vitals(lives[0]))), { code: 0, said: '' });
    good = after;
    const from = performance.now();
    const start = script(`: >${home}/started\n${starts ? 'true' : 'false'}\n: >${home}/up`);
    const { code, said } = await run(way.back(start, vitals(lives[1])));
    const more = join(home, 'run/more');
    return {
      code,
      said,
      seconds: (performance.now() - from) / 1000,
      started: existsSync(join(home, 'started')),
      more: existsSync(more) ? readFileSync(more, 'utf8') : '',
    };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const both = ['/ready', '/then'];
const stories: [string, Story, number, RegExp | undefined][] = [
  ['all as before', { before: both, after: both, lives: [true, true] }, 0, undefined],
  ['a new probe was never good', { before: ['/then'], after: ['/then'], lives: [true, true] }, 0, undefined],
  ['none was good: it stays up', { before: [], after: [], lives: [true, true] }, 0, undefined],
  ['none was noted: it stays up', { before: both, after: [], lives: [true, true], unnoted: true }, 0, undefined],
  ['it ends', { before: [], after: [], lives: [true, false] }, 1, /it ended: gone/],
  ['it ends, although something answers', { before: both, after: both, lives: [true, false] }, 1, /it ended: gone/],
  ['it does not start', { before: both, after: both, lives: [true, true], starts: false }, 1, /this failed: false/],
  [
    'it runs, and is not ready any more',
    { before: both, after: ['/ready'], lives: [true, true] },
    0,
    /back: it runs, and is not ready as it was before: ready answers 503/,
  ],
  ['it was down, and starts', { before: [], after: both, lives: [false, true] }, 0, undefined],
  ['it was down, and ends again', { before: [], after: [], lives: [false, false] }, 0, undefined],
  [
    'it was down, and does not start',
    { before: [], after: [], lives: [false, false], starts: false },
    0,
    /back: it does not start, and did not run before/,
  ],
  [
    'part of it was down, and what was good is not any more',
    { before: both, after: [], lives: [false, false] },
    1,
    /it is not as before: ready answers 503/,
  ],
];
for (const [what, story, exit, words] of stories)
  test(`the way back: ${what}`, async () => {
    const { code, said, seconds, started, more } = await tell(story);
    assert.is(code, exit, said);
    if (words) assert.match(said, words);
    else assert.is(said, '');
    assert.ok(started);
    assert.ok(seconds < 8, `${seconds} s`);
    assert.match(more, words && exit === 0 ? /^ back="[^"]+"$/ : /^$/);
  });

test('the way back: something else answers, and is left alone', async () => {
  const { code, started } = await tell({ before: both, after: both, lives: [false, false] });
  assert.equal([code, started], [0, false]);
});
test.run();
