// What the undos of the runtimes say is true, whatever fails: systemd and Docker as folders, real processes; sampled here, all in torture.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Target } from '../../../lib/target/target.ts';
import { wayBack } from '../../../lib/health/previous-release.ts';
import { lines, sh, type Command } from '../../../lib/host/sh.ts';
import { releaseAt } from '../../../lib/release/release.ts';
import type { Step } from '../../../lib/plan/step.ts';
import { removeFolder } from '../../../lib/runtime/release-folder.ts';
import { type Change } from '../../../lib/release/change.ts';
import { runtimeOf } from '../../../lib/runtime/runtime-of.ts';
import { answering, makeEngine } from '../../support/docker/engine.ts';
import { changeOf, compose, factsOf, first, process as ofProcess, sample, second, systemd, when } from '../../support/target/targets.ts'; // prettier-ignore
import { forward, judge, keeping, listed, makeScratch, ofEngine, ofPrograms, removeScratch, run, whole } from '../../support/faults/undo-failures.ts'; // prettier-ignore

const ends: (() => void)[] = [removeScratch];
test.after(() => ends.forEach(end => end()));
const probing = async (folder: string, service: string) => {
  const { url, end } = await answering(folder, service);
  ends.unshift(end);
  const probes = [{ name: 'ready', url, status: 200, json: {}, header: undefined }];
  return { probes, deadlineSeconds: 5, intervalSeconds: 0.5 };
};

/** One file, whose services all start again by themselves; `web` has a port. */
const composeFile = (services: string[]) =>
  `services:\n${services.map(name => `  ${name}:\n    image: ${name === 'redis' ? 'redis:7' : `${name}:\${IMAGE_TAG}`}\n    restart: unless-stopped\n${name === 'web' ? '    ports: ["${PORT}:80"]\n' : ''}`).join('')}`;

/** A compose target of these services, whose first release serves. */
async function served(services: string[], more: Partial<Target> = {}) {
  const engine = makeEngine();
  const [root, journal] = [join(makeScratch('compose'), "it's"), makeScratch('journal')];
  mkdirSync(join(root, 'releases'), { recursive: true });
  const settings = { ...compose, service: 'web', registry: undefined, variables: { PORT: '4100' } };
  const health = await probing(join(engine.folder, 'containers'), 'web');
  const target = sample({ runtime: settings, database: undefined, env: [], health, ...more }, root);
  const folders = [root, journal];
  const at = { folders, environment: { ...engine.environment, KEEPER_JOURNAL: journal } };
  const runtime = runtimeOf(target);
  const composed = composeFile([...services, 'redis']);
  const place = (sha: string) => releaseAt(join(root, 'releases'), when, sha, []);
  const [was, next] = [place(first), place(second)];
  const change = { ...changeOf(target, '20261120-000001'), facts: factsOf(target, { containers: 'redis running ' }), next, was }; // prettier-ignore
  const prepare = (one: Change, takeOver?: string) =>
    runtime
      .prepare(one, {
        composeFile: composed,
        ...(takeOver && { takeOver: { files: [composed], folder: root, before: undefined, services: [takeOver] } }),
      })
      .filter(step => step.skip === undefined);
  const begin = { ...changeOf(target, '20261119-000001'), next: was };
  for (const step of [...prepare(begin), runtime.start(begin), ...runtime.finalize(begin)]) forward(step.run, at);

  // the list of what it held goes with its folder
  const passing = [next.name, 'adopted'].map(name => `releases/${name}/images`);
  // an image that is still held is room that is lost, and no data; a network is taken away by the next deploy of its colour
  const engineSeen = () => {
    const [containers, images] = engine.shown() as [Record<string, string>[], string[][]];
    return [
      containers.map(one => ({ ...one, nets: '' })),
      images.filter(([tag]) => !/2222222|adopted/.test(tag ?? '')),
    ];
  };
  const seen = () => [engineSeen(), Object.entries(engine.files(root)).filter(([path]) => !passing.includes(path))];
  /** What serves, and whether anything of the next one is there. */
  const serving = () => [
    services.map(name => [engine.shown(`${name}:${first}`), engine.shown(`${name}:${second}`)]),
    engine.files(was.folder),
  ];
  const judged = (step: { title: string; undo?: Command | undefined }, before: unknown, now: () => unknown) => {
    assert.ok(step.undo);
    return judge(
      {
        name: `compose, ${services.join(' and ')}: ${step.title}`,
        ready: keeping([...folders, engine.folder]),
        undo: step.undo,
        ...at,
        now,
        before: () => before,
        // whatever ran can run again as long as its image is held
        kept: () => JSON.stringify(engine.shown()).includes(`web:${first}`),
        kinds: [...ofPrograms, ...ofEngine, 'EIO', 'killed', 'no space'],
      },
      1 / 3,
    );
  };
  const taken = (step: Step) => {
    const before = seen();
    forward(step.run, at);
    // the next one comes on top of it
    if (judged(step, before, seen)) forward(step.run, at);
  };
  return { engine, root, target, runtime, change, prepare, seen, serving, judged, taken, ...at };
}

for (const services of whole ? [['web'], ['web', 'worker']] : [['web']])
  test(`compose's undos, ${services.join(' and ')}`, async () => {
    const here = await served(services);
    const { engine, runtime, change, target, judged } = here;
    const before = here.serving();
    for (const step of here.prepare(change)) here.taken(step);
    const stop = runtime.stop(change, wayBack(target.health, []));
    forward(stop.run, here);
    const stopped = keeping([...here.folders, engine.folder]);
    judged(stop, before, here.serving);
    stopped();
    const between = here.seen();
    const migrate = runtime.migrate(change, 'true', undefined, 60);
    // its client is gone and it goes on
    writeFileSync(join(engine.folder, 'migration'), '');
    assert.is.not(run(migrate.run, here).status, 0);
    judged(migrate, between, here.seen);
    forward(migrate.undo, here);
    const start = runtime.start(change);
    forward(start.run, here);
    judged(start, [[]], () => engine.shown(`web:${second}`));
    // where Compose took the old containers away, they are made once more
    judged({ title: `${start.title}, then ${stop.title}`, undo: inTurn(start.undo, stop.undo) }, before, here.serving);
  });

test("compose's undos of a colour's place and of taking over what another tool left", async () => {
  if (!whole) return;
  const here = await served(['web'], { switch: 'blue-green' });
  const { root, runtime, change } = here;
  const was = { ...change.was, sha: first, name: 'adopted', folder: join(root, 'releases/adopted') };
  const [adopt, write, pull] = here.prepare({ ...change, was }, 'web');
  assert.ok(adopt && write && pull);
  here.taken(adopt);
  for (const step of [write, pull]) forward(step.run, here);
  const next = { ...change.next, colour: 'green' as const };
  const upstreams = [{ name: 'web', port: 4000, green: 4001, variable: 'PORT' }];
  const place = runtime.colours?.start({ ...change, next }, { upstreams } as never);
  assert.ok(place);
  here.taken(place);
  const start = runtime.start({ ...change, next });
  forward(start.run, here);
  here.judged({ title: `${start.title} in its place`, undo: place.undo }, [[]], () => here.engine.shown(`web:${second}`)); // prettier-ignore
});

test('the stand-in of Docker says what Docker said', () => {
  if (!whole) return;
  const [engine, folder] = [makeEngine(), makeScratch('words')];
  const words = join(import.meta.dirname, '../../support/docker/words');
  cpSync(words, folder, { recursive: true });
  for (const [index, tag] of ['one', 'two'].entries()) {
    writeFileSync(join(folder, `${tag}.env`), `IMAGE_TAG='${tag}'\n`);
    writeFileSync(join(engine.folder, `images/words:${tag}`), `sha256:${String(index).repeat(64)}\n`);
  }
  const said = spawnSync('bash', [join(words, 'calls.sh'), folder], { env: engine.environment, encoding: 'utf8' });
  assert.is(said.stdout, readFileSync(join(words, 'answers.txt'), 'utf8'), said.stderr);
});

/** Undos as the keeper walks them; each is a script of its own. */
function inTurn(...undos: (Command | undefined)[]): Command {
  return lines(...undos.map(undo => undo && sh`(\n${undo}\n)`));
}

/** systemd as one file per unit that runs. */
const systemctl = `#!/bin/bash
unset LD_PRELOAD
unit=\${*: -1}
case $1 in
  start) echo active >"$UNITS/$unit" ;;
  stop) rm -f "$UNITS/$unit" ;;
  is-failed) false ;;
  show) case " $* " in
    *' NRestarts --value '*) echo 0 ;;
    *) if [[ -e $UNITS/$unit ]]; then printf '%s\\n' ActiveState=active SubState=running NRestarts=0; else printf '%s\\n' ActiveState=inactive SubState=dead NRestarts=0; fi ;;
  esac ;;
  *) false ;;
esac
`;

for (const colour of [undefined, 'green'] as const)
  test(`systemd's undos${colour ? ', with colours' : ''}, and that of a folder that was unpacked`, async () => {
    const [root, bin, journal] = [join(makeScratch('systemd'), "it's"), makeScratch('bin'), makeScratch('journal')];
    const folders = [root, journal];
    const place = (name: string) => releaseAt(join(root, 'releases'), when, name, []);
    const [was, next] = [place(first), { ...place(second), colour }];
    for (const folder of ['units', 'proxy', join('releases', was.name)])
      mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(bin, 'systemctl'), systemctl, { mode: 0o755 });
    writeFileSync(join(bin, 'sudo'), '#!/bin/bash\nshift\nexec "$@"\n', { mode: 0o755 });
    const target = sample({ runtime: systemd, database: undefined, env: [] }, root);
    const change = { ...changeOf(target, '20261120-000001'), was, next };
    const { colours, start, stop } = runtimeOf(target);
    const unpack = {
      title: 'Unpack',
      run: sh`mkdir -p ${next.folder}/a/b; cd ${next.folder}; ln -s ${was.folder} a/out; touch a/b/c REVISION; chmod 500 a`,
      undo: removeFolder(next.folder, undefined),
    };
    const upstreams = [{ name: 'web', port: 4000, green: 4001, variable: 'PORT' }];
    const steps = [
      unpack,
      // its unit serves until the other colour does
      !colour && stop(change, wayBack(await probing(join(root, 'units'), 'book'), [])),
      colour && colours?.start(change, { upstreams } as never),
      start(change),
    ];
    const environment = {
      PATH: `${bin}:${process.env['PATH'] ?? ''}`,
      UNITS: join(root, 'units'),
      KEEPER_JOURNAL: journal,
    };
    symlinkSync(was.folder, join(root, 'current'));
    writeFileSync(join(root, 'units/book.service'), 'active\n');
    for (const step of steps.filter(one => one !== undefined && one !== false)) {
      assert.ok(step.undo);
      const before = listed(root);
      forward(step.run, { folders, environment });
      const isUndone = judge(
        {
          name: `systemd ${colour ?? ''}: ${step.title}`,
          ready: keeping(folders),
          undo: step.undo,
          folders,
          environment,
          now: () => listed(root),
          before: () => before,
          kept: () => existsSync(was.folder),
          kinds: ['halfway', 'killed', 'EIO', 'no space'],
        },
        1 / 2,
      );
      // the next one comes on top of it
      if (isUndone) forward(step.run, { folders, environment });
    }
  });

test('the undos of real processes: one of the old release runs, or none that nobody knows of', async () => {
  const [root, journal] = [join(makeScratch('process'), "it's"), makeScratch('journal')];
  const place = (name: string) => releaseAt(join(root, 'releases'), when, name, []);
  const [was, next] = [place(first), place(second)];
  for (const { folder } of [was, next]) mkdirSync(folder, { recursive: true });
  symlinkSync(was.folder, join(root, 'current'));
  const runtime = { ...ofProcess, start: 'unset LD_PRELOAD; exec sleep 1000' };
  const target = sample({ runtime, database: undefined, env: [] }, root);
  const at = { folders: [root, journal], environment: { KEEPER_JOURNAL: journal } };
  const change = { ...changeOf(target, '20261120-000001'), was, next };
  // always good: the wait for an app that has no probes would take 2 s each time
  mkdirSync(join(root, 'up'));
  writeFileSync(join(root, 'up/app.now'), 'active\n');
  const health = await probing(join(root, 'up'), 'app');
  const { start, stop } = runtimeOf(target);
  const [ended, begun] = [stop(change, wayBack(health, [])), start(change)];
  const own = () =>
    readdirSync('/proc').filter(pid => {
      try {
        return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(root);
      } catch {
        return false;
      }
    });
  const programs = () =>
    own()
      .filter(pid => readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep\0'))
      .map(pid => readlinkSync(`/proc/${pid}/cwd`));
  const endAll = () => {
    for (const pid of own()) process.kill(Number(pid), 'SIGKILL');
  };
  ends.unshift(endAll);
  const old = start({ ...change, next: was });
  forward(old.run, at);
  const serves = keeping([root]);
  const current = () => readlinkSync(join(root, 'current'));
  for (const [undo, title, ready] of [
    [begun.undo, begun.title, begun.run],
    [inTurn(begun.undo, ended.undo), ended.title, ended.run],
  ] as const) {
    assert.ok(undo);
    const isStart = title === begun.title;
    judge(
      {
        name: `process: ${title}`,
        ready: () => {
          endAll();
          serves();
          forward(old.run, at);
          forward(ended.run, at);
          if (isStart) forward(ready, at);
        },
        undo,
        ...at,
        now: () => [programs(), current()],
        before: () => [isStart ? [] : [was.folder], was.folder],
        kept: () => existsSync(was.folder),
        kinds: ['halfway', 'dies', 'killed', 'EIO', 'no space'],
      },
      1 / 2,
    );
  }
});
test.run();
