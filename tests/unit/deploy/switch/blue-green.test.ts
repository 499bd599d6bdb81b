// Two versions at once: which ports and probes belong to which colour, and in which order a blue-green switch goes.
import { readFileSync, mkdtempSync, mkdirSync, writeFileSync, existsSync, chmodSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Target } from '../../../../lib/target/target.ts';
import type { Site } from '../../../../lib/target/site-settings.ts';
import { Failure } from '../../../../lib/errors.ts';
import { drain, routeTo, servingColour } from '../../../../lib/proxy/traffic.ts';
import { serving } from '../../../../lib/release/serving.ts';
import { blueGreenSwitch } from '../../../../lib/deploy/switch/blue-green.ts';
import { healthOf, portVariables, probesAround } from '../../../../lib/release/colours.ts';
import { type Change } from '../../../../lib/release/change.ts';
import { runtimeOf } from '../../../../lib/runtime/runtime-of.ts';
import { renderUnit } from '../../../../lib/runtime/systemd/unit.ts';
import { compose, factsOf, sample, second, systemd, textsOf, third } from '../../../support/target/targets.ts';

const prelude = readFileSync(new URL('../../../../lib/host/step-functions.sh', import.meta.url), 'utf8');
const root = mkdtempSync(join(tmpdir(), 'bookops-colour-'));

const site: Site = {
  proxy: 'nginx',
  domains: ['book.example.org'],
  tls: 'off',
  email: undefined,
  acme: undefined,
  hsts: false,
  noindex: false,
  basicAuth: undefined,
  bodyLimit: '10m',
  upstreams: [
    { name: 'backend', port: 4000, green: 4001, variable: 'BACKEND_PORT' },
    { name: 'frontend', port: 4173, green: 4174, variable: 'FRONTEND_PORT' },
  ],
  routes: [],
  drainSeconds: 1,
  holdSeconds: 30,
  folder: `${root}/proxy`,
};

const probe = (name: string, url: string) => ({ name, url, status: 200, json: {}, header: undefined });
const health = {
  probes: [
    probe('ready', 'http://127.0.0.1:4000/readyz?x=http://127.0.0.1:4173/'),
    probe('version', 'http://[::1]:4173'),
    probe('public', 'https://book.example.org/version.json'),
    probe('elsewhere', 'http://10.0.0.7:4000/readyz'),
    probe('longer', 'http://127.0.0.1:40000/'),
  ],
  deadlineSeconds: 5,
  intervalSeconds: 0.5,
};

const target = (more: Partial<Target> = {}): Target =>
  sample({ switch: 'blue-green', site, health, runtime: compose, ...more }, root);

/** A deploy of `third` over `second`, with whatever the host says about colours. */
function changeOf(one: Target, said: Record<string, string> = {}): Change {
  const name = '20260102_000000_2222222';
  const log = `2026-01-02T00:00:00Z env=staging sha=${second} release=${name}`;
  const facts = factsOf(one, { log, current: second, folders: name, 'site-tied': 'ours', ...said });
  const next = { sha: third, name: '20261120_120004_3333333', folder: `${one.paths.releases}/20261120_120004_3333333` };
  return { facts, next, was: serving(one, facts), id: '20261120-120004', notes: {} };
}

const planOf = (one: Target, said?: Record<string, string>, restores?: string) =>
  blueGreenSwitch(one, changeOf(one, said), { before: [], changesData: true, why: 'a test', restores });
const colourOf = (one: Target, said?: Record<string, string>) =>
  /Route traffic to (\w+)/.exec(
    planOf(one, said)
      .steps.map(step => step.title)
      .join('\n'),
  )?.[1];

test('green listens on the green ports, and its probes ask there; the public name and other hosts stay', () => {
  assert.equal(portVariables(site, 'blue'), { BACKEND_PORT: '4000', FRONTEND_PORT: '4173' });
  assert.equal(portVariables(site, 'green'), { BACKEND_PORT: '4001', FRONTEND_PORT: '4174' });
  assert.equal(
    healthOf(health, site, 'green').probes.map(one => one.url),
    [
      'http://127.0.0.1:4001/readyz?x=http://127.0.0.1:4173/',
      'http://[::1]:4174',
      'https://book.example.org/version.json',
      'http://10.0.0.7:4000/readyz',
      'http://127.0.0.1:40000/',
    ],
  );
  assert.equal(healthOf(health, site, 'blue'), health);
  assert.equal(healthOf(health, site, undefined), health);
});

test('before visitors move only the candidate itself is asked, after that the rest', () => {
  const { before, after } = probesAround(health, site, 'green');
  assert.equal(
    before.probes.map(one => one.name),
    ['ready', 'version'],
  );
  assert.equal(
    after.probes.map(one => one.name),
    ['public', 'elsewhere', 'longer'],
  );
});

test('the next release gets the other colour; what serves without one has the ports of blue', () => {
  assert.is(colourOf(target()), 'green');
  assert.is(colourOf(target(), { colour: 'blue' }), 'green');
  assert.is(colourOf(target(), { colour: 'green' }), 'blue');
  const first = { ...changeOf(target()), was: undefined };
  const plan = blueGreenSwitch(target(), first, { before: [], changesData: true, why: 'a test' });
  assert.ok(plan.steps.some(step => step.title === 'Route traffic to blue'));
  assert.not.ok(plan.finish.some(step => step.title.startsWith('Drain and stop')));
});

test('everything before the move leaves what serves alone, in every runtime', () => {
  for (const runtime of [compose, systemd]) {
    const one = target({ runtime });
    const { steps, finish } = planOf(one, { colour: 'blue' });
    const titles = steps.map(step => step.title).filter(title => !/ site|nginx/.test(title));
    const move = titles.indexOf('Route traffic to green');
    assert.equal(
      titles.map(title => title.replace(/\d{8}_\d{6}_/, '')),
      [
        'Prepare green for 3333333',
        'Snapshot the database while it is in use',
        'Migrate the database',
        'Start 3333333',
        'Wait until 3333333 is ready (green)',
        'Route traffic to green',
        'Ask 3333333 the way visitors do',
      ],
    );
    const blues = /project-blue|staging-blue|@blue|2222222|MAINTENANCE|\/ON\b/;
    for (const step of steps.slice(0, steps.length - titles.length + move))
      assert.not.match(`${step.run.text}${step.undo?.text ?? ''}`, blues, step.title);
    assert.not.ok(steps.some(step => step.opensWindow));
    assert.not.match(
      steps.map(step => step.undo?.text ?? '').join('\n'),
      /\.exact|\.back/,
      'the snapshot is not put back',
    );
    assert.match(finish[0]?.title ?? '', 'restart on boot');
    assert.match(finish[1]?.title ?? '', 'Drain and stop');
  }
});

test('a restart is the same release in the other colour, and its place is another one', () => {
  const one = target({ runtime: compose });
  const now = changeOf(one, { colour: 'green' });
  if (!now.was) throw new Error('nothing serves');
  const plan = blueGreenSwitch(one, { ...now, next: now.was }, { before: [], changesData: false, why: 'restart' });
  const made = plan.steps.find(step => step.title.startsWith('Prepare'))?.run.text ?? '';
  assert.match(made, '20260102_000000_2222222/blue');
  assert.match(
    plan.finish.find(step => step.title.startsWith('Drain and stop'))?.run.text ?? '',
    '20260102_000000_2222222/green',
  );
});

test('what cannot be done with two versions at once is refused with the way out', () => {
  const refused = (make: () => unknown, exit: number, words: RegExp) => {
    try {
      make();
    } catch (error) {
      assert.instance(error, Failure);
      assert.equal([error instanceof Failure && error.exit, words.test(String(error))], [exit, true], String(error));
      return;
    }
    assert.unreachable(String(words));
  };
  refused(() => planOf(target(), {}, '/srv/snapshot.db'), 2, /put back a database/);
  refused(() => planOf(target({ site: { ...site, drainSeconds: 600 } })), 3, /site\.drain/);
  refused(() => planOf(target(), { 'site-tied': 'missing' }), 1, /does not read the site/);
  refused(() => planOf(target({ health: { ...health, probes: health.probes.slice(2) } })), 3, /no probe at a port/);
});

test('bash can read all of it', () => {
  for (const runtime of [compose, { ...compose, accessories: [], registry: undefined }, systemd])
    for (const said of [{}, { colour: 'blue' }, { colour: 'green' }]) {
      const one = target({ runtime });
      const texts = textsOf(
        { name: 'blue-green', target: one, change: changeOf(one, said), plan: planOf(one, said) },
        prelude,
      );
      for (const [name, text] of texts) {
        const { status, stderr } = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' });
        assert.is(status, 0, `${name}: ${stderr}`);
      }
    }
});

const bash = (text: string, path = process.env['PATH'] ?? '') =>
  spawnSync('bash', ['-s'], { input: `${prelude}\n${text}`, encoding: 'utf8', env: { ...process.env, PATH: path } });

test('visitors move by a file that is there or not', () => {
  const colour = () => bash(servingColour(root).text).stdout.trim();
  assert.is(colour(), '');
  bash(routeTo(site, 'green').text);
  assert.is(colour(), 'green');
  const back = bash(`${routeTo(site, 'blue').text}\n${routeTo(site, 'blue').text}`);
  assert.is(back.status, 0, back.stderr);
  assert.is(colour(), '');
  bash(`ln -s somewhere '${root}/blue'`);
  assert.is(colour(), 'blue');
});

test('draining ends as soon as nobody is connected, and at the latest when the time is over', () => {
  const tools = join(root, 'tools');
  mkdirSync(tools);
  const count = join(root, 'count');
  writeFileSync(
    join(tools, 'ss'),
    `#!/bin/sh\necho "$@" >'${root}/asked'\necho x >>'${count}'\n[ "$(wc -l <'${count}')" -gt "$OPEN" ] || echo connection\n`,
  );
  chmodSync(join(tools, 'ss'), 0o755);
  const timed = (open: number, drainSeconds: number) => {
    writeFileSync(count, '');
    const began = performance.now();
    const said = bash(
      `export OPEN=${open}\n${drain({ ...site, drainSeconds }, 'green').text}`,
      `${tools}:${process.env['PATH'] ?? ''}`,
    );
    assert.is(said.status, 0, said.stderr);
    return { seconds: (performance.now() - began) / 1000, looks: readFileSync(count, 'utf8').split('\n').length - 1 };
  };
  const [none, some, ever] = [timed(0, 20), timed(3, 20), timed(1000, 1)];
  assert.is(none.looks, 5);
  assert.is(some.looks, 8);
  assert.ok(ever.seconds > 1 && ever.seconds < 8, JSON.stringify(ever));
  const asked = readFileSync(join(root, 'asked'), 'utf8');
  assert.match(asked, 'sport = :4001 or sport = :4174');
  assert.not.match(asked, /:4000|:4173/);
});

test('without ss the whole time is waited', () => {
  const tools = join(root, 'without');
  mkdirSync(tools);
  writeFileSync(join(tools, 'ss'), '#!/bin/sh\nexit 127\n');
  chmodSync(join(tools, 'ss'), 0o755);
  const began = performance.now();
  assert.is(bash(drain(site, 'blue').text, `${tools}:${process.env['PATH'] ?? ''}`).status, 0);
  assert.ok(performance.now() - began > 950);
});

test('the unit of a blue-green app is a template whose instances run what their links say, on their ports', async () => {
  const one = sample(
    {
      switch: 'blue-green',
      site,
      runtime: { ...systemd, start: 'bin/server --at 100%' },
      env: [],
      database: undefined,
    },
    '/opt/book',
  );
  const text = renderUnit(one);
  assert.match(text, '/etc/systemd/system/book@.service');
  assert.match(text, 'WorkingDirectory=/opt/book/%i\n');
  assert.match(text, 'EnvironmentFile=-/opt/book/proxy/%i.env\n');
  assert.match(text, 'ExecStart=/opt/book/%i/bin/server --at 100%%\n');
  assert.match(text, /^ExecCondition=.* \/opt\/book\/proxy\/%i\.start$/m);
  const plain = renderUnit({ ...one, switch: 'maintenance' });
  assert.not.match(plain, /%i|ExecCondition/);
  assert.match(plain, 'ExecStart=/opt/book/current/bin/server --at 100%%\n');
});

test('what may start at a boot is said by one word, or by the id of that boot', async () => {
  const text = renderUnit(sample({ switch: 'blue-green', site, runtime: systemd, env: [], database: undefined }, root));
  const condition = /^ExecCondition=(.*)$/m.exec(text)?.[1]?.replace('%i', 'green').split(' ') ?? [];
  const start = join(root, 'proxy/green.start');
  mkdirSync(join(root, 'proxy'), { recursive: true });
  const may = (content: string) => {
    writeFileSync(start, content);
    return spawnSync(condition[0] ?? '', condition.slice(1)).status === 0;
  };
  assert.ok(may('always\n'));
  assert.ok(may(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')));
  assert.not.ok(may('7f0a2b1e-0000-4000-8000-000000000000\n'));
  assert.not.ok(may('\n'));
  assert.ok(existsSync(start));
});

test('the runtime without colours cannot be asked for them', () => {
  assert.is(runtimeOf(sample()).colours, undefined);
});
test.run();
