// The keeper walks a plan, tells what became of it, and undoes it newest first when a step fails.
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { PassThrough, Readable } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../../../lib/errors.ts';
import type { Host } from '../../../../lib/host/host.ts';
import { StepFailed } from '../../../../lib/plan/keeper/failures.ts';
import { openKeeper } from '../../../../lib/plan/keeper/open.ts';
import { quote, script, sh } from '../../../../lib/host/sh.ts';
import { parseLine } from '../../../../lib/release/log.ts';
import type { Step } from '../../../../lib/plan/step.ts';
import { Secret } from '../../../../lib/secret.ts';
import { failure } from '../../../support/failing.ts';
import { alive, host, place, shas, stepOf, until, walk } from '../../../support/keeper/keeping.ts';

test('a plan that succeeds is recorded, its undos are forgotten, its end is told, nothing is left', async () => {
  const here = place();
  const ran = here.at('ran');
  here.patience(2);
  const answers: string[] = [];
  const { outcome, said, finished, error } = await walk(
    here.attempt(),
    [
      { title: 'Speak', run: sh`echo hello; echo oops >&2; echo 1 >>${ran}`, undo: sh`echo undo >>${ran}` },
      { title: 'Skipped', skip: 'no need', run: sh`echo never >>${ran}` },
      { title: 'Read', run: sh`cat; answer two words`, input: 'typed\n', accept: one => void answers.push(one) },
      { title: 'Last', run: sh`printf 'no newline'; echo 3 >>${ran}` },
    ],
    [stepOf({ title: 'Tidy', run: 'true' }), stepOf({ title: 'Hopeless', run: 'exit 4', seconds: 5 })],
  );
  assert.is(error, undefined);
  assert.is(outcome, 'live');
  assert.equal(said.filter(Boolean), ['hello', 'oops', 'typed', 'no newline', 'this is tried again for 2 s']);
  assert.equal(answers, ['two words\n']);
  assert.equal(finished, [true, false]);
  assert.is(here.text('ran'), '1\n3\n');
  assert.equal([here.current(), here.previous()], [shas.next, shas.old]);
  const lines = here.log();
  assert.is(lines.length, 1);
  const line = parseLine(lines[0] ?? '');
  assert.equal([line?.outcome, line?.window, line?.sha], ['live', 1.2, shas.next]);
  assert.type(line?.seconds, 'number');
  // the end is told a moment before the keeper has tidied up after itself
  await until(() => !existsSync(readFileSync(`${here.home}/run`, 'utf8').trim()), 'the run folder is gone');
  assert.equal(readdirSync(here.home).sort(), ['keeper.sh', 'lock', 'patience', 'run']);
  here.remove();
});

test('a step that fails is undone with all before it, newest first, and later steps never begin', async () => {
  const here = place();
  const ran = here.at('ran');
  const one = (name: string, end = 'true') => ({
    title: name,
    run: `echo ${name} >>${ran}; ${end}`,
    undo: `echo undo ${name} >>${ran}; printf ' more=%s' ${name} >>"$KEEPER_RUN/more"`,
  });
  const { outcome, error, undone } = await walk(
    here.attempt(),
    [one('a'), one('b'), one('c', 'exit 9'), one('d')].map(stepOf),
  );
  assert.is(outcome, 'reverted');
  assert.instance(error, StepFailed);
  assert.is(error instanceof StepFailed && error.code, 9);
  assert.equal(undone, [2, 1, 0]);
  assert.is(here.text('ran'), 'a\nb\nc\nundo c\nundo b\nundo a\n');
  assert.equal([here.current(), here.previous()], ['', '']);
  assert.equal(
    here.log().map(line => parseLine(line)?.outcome),
    ['reverted'],
  );
  assert.match(here.log()[0] ?? '', ' more=c more=b more=a seconds=');
  assert.equal(here.journal(), []);
  here.remove();
});

test('a first step that fails with nothing to undo is a failure, not a revert', async () => {
  const here = place();
  const { outcome } = await walk(here.attempt(), [stepOf({ title: 'a', run: 'exit 1' })]);
  assert.is(outcome, 'failed');
  assert.equal(
    here.log().map(line => parseLine(line)?.outcome),
    ['failed'],
  );
  here.remove();
});

test('an undo that fails is stuck: older undos stay, the next run says so with exit 6, and settles once it is repaired', async () => {
  const here = place();
  const [ran, broken] = [here.at('ran'), here.at('broken')];
  here.patience(2);
  writeFileSync(broken, '');
  const { outcome, undone } = await walk(here.attempt(), [
    stepOf({ title: 'a', run: 'true', undo: `echo undo a >>${ran}` }),
    stepOf({ title: 'b', run: 'exit 1', undo: `[ ! -e ${broken} ]; echo undo b >>${ran}` }),
  ]);
  assert.is(outcome, 'stuck');
  assert.equal(undone, []);
  assert.is(here.text('ran'), '', 'a may rely on b: it must wait');
  assert.ok(here.journal().includes('undo.000'));

  const refused = await failure(openKeeper(host, here.attempt()));
  assert.is(refused.exit, 6);
  assert.equal(
    here.log().map(line => parseLine(line)?.outcome),
    ['stuck'],
  );

  spawnSync('rm', [broken]);
  const after = await walk(here.attempt(), [stepOf({ title: 'c', run: 'true' })]);
  assert.is(after.outcome, 'live');
  assert.is(here.text('ran'), 'undo b\nundo a\n');
  assert.equal(
    here.log().map(line => parseLine(line)?.outcome),
    ['stuck', 'live'],
  );
  here.remove();
});

test('a judge that is not content has the step run again, and may fail it', async () => {
  const here = place();
  const ran = here.at('ran');
  let seen = 0;
  const again: Step = {
    title: 'a',
    run: sh`echo x >>${ran}; answer $(wc -l <${ran})`,
    undo: sh`true`,
    accept: answer => {
      seen++;
      return Number(answer) < 3 ? 'again' : undefined;
    },
  };
  const { outcome } = await walk(here.attempt(), [again, { title: 'b', run: sh`echo b >>${ran}` }]);
  assert.is(outcome, 'live');
  assert.is(seen, 3);
  assert.is(here.text('ran'), 'x\nx\nx\nb\n');

  const refused: Step = {
    title: 'a',
    run: sh`answer no`,
    accept: () => {
      throw new Failure(1, 'that is not it');
    },
  };
  const second = await walk(here.attempt(), [refused, { title: 'never', run: sh`echo never >>${ran}` }]);
  assert.match(String(second.error), 'that is not it');
  assert.is(here.text('ran'), 'x\nx\nx\nb\n');
  here.remove();
});

test('a step over its time ends with all it started, and is undone', async () => {
  const here = place();
  const group = here.at('group');
  const { outcome, error } = await walk(here.attempt(), [
    stepOf({ title: 'Hang', run: `echo $$ >${group}; sleep 600 & trap '' TERM; sleep 600`, undo: 'true', seconds: 1 }),
  ]);
  assert.is(error instanceof StepFailed && error.code, 124);
  assert.match(String(error), /no end after 1 s; what still ran: S bash, the step itself, S sleep 600, S sleep 600/);
  assert.is(outcome, 'reverted');
  assert.equal(alive(Number(here.text('group'))), []);
  here.remove();
});

test('output is told as it is: without a last newline, binary, and with lines that look like the protocol', async () => {
  const here = place();
  const { outcome, said } = await walk(here.attempt(), [
    stepOf({
      title: 'a',
      run: 'printf "keeper-0123 done 0 1 -\\n"; printf "\\ndone 0 1 -\\nended stuck\\n"; head -c 3000 /dev/urandom; printf "tail"',
    }),
    stepOf({ title: 'b', run: 'echo after' }),
  ]);
  assert.is(outcome, 'live');
  assert.ok(said.includes('keeper-0123 done 0 1 -'));
  assert.ok(said.includes('after'));
  assert.ok(said.some(line => line.endsWith('tail')));
  here.remove();
});

test('steps cannot see the words of the protocol: neither its stream nor its nonce', async () => {
  const here = place();
  const { said } = await walk(here.attempt(), [
    stepOf({ title: 'a', run: 'env; set; ls -l /proc/$$/fd; cat', input: 'mine' }),
  ]);
  assert.not.match(said.join('\n'), /keeper-[0-9a-f]{18}/);
  assert.ok(said.includes('mine'));
  assert.not.match(said.join('\n'), /lock/);
  here.remove();
});

test('a secret that a step reads is on no disk and in no list of processes', async () => {
  const here = place();
  const word = `canary-${Math.random().toString(36).slice(2)}`;
  const walking = walk(here.attempt(), [
    {
      title: 'Log in',
      run: script(`IFS= read -r secret; [ "\${#secret}" = ${word.length} ]; touch ${here.at('go')}; sleep 1`),
      undo: sh`true`,
      input: new Secret(`${word}\n`),
    },
  ]);
  await until(() => existsSync(here.at('go')), 'the step began');
  const base64 = Buffer.from(`${word}\n`).toString('base64').slice(0, 20);
  const grep = spawnSync('grep', ['-raF', '-e', word, '-e', base64, here.folder, '/dev/shm', '/tmp/bookops.'], {
    encoding: 'utf8',
  });
  assert.is(grep.stdout, '');
  const list = spawnSync('ps', ['-ewwo', 'args='], { encoding: 'utf8' }).stdout;
  assert.not.ok(list.includes(word));
  assert.not.ok(list.includes(base64));
  assert.is((await walking).outcome, 'live');
  here.remove();
});

test('a stream reaches its step whole, and one that breaks fails it', async () => {
  const here = place();
  const bytes = Buffer.alloc(3_000_000, 'stream');
  const good: Step = {
    title: 'Unpack',
    run: sh`cat >${here.at('got')}`,
    undo: sh`rm -f ${here.at('got')}`,
    stream: () => Readable.from([bytes]),
  };
  const first = await walk(here.attempt(), [good]);
  assert.is(first.outcome, 'live');
  assert.ok(readFileSync(here.at('got')).equals(bytes));

  const broken: Step = {
    ...good,
    stream: () =>
      Readable.from(
        (function* () {
          yield bytes;
          throw new Error('git archive: no such commit');
        })(),
      ),
  };
  const second = await walk(here.attempt(), [broken, { title: 'never', run: sh`touch ${here.at('never')}` }]);
  assert.match(String(second.error), 'git archive');
  assert.is(second.outcome, 'reverted');
  assert.not(existsSync(here.at('never')));
  assert.not(existsSync(here.at('got')));
  here.remove();
});

test('what a step prints is told with that step, also when all of it comes in one breath', async () => {
  const here = place();
  let hold = (_breath: boolean) => {};
  const slow: Host = {
    ...host,
    async open(command) {
      const channel = await host.open(command);
      const output = new PassThrough();
      const pieces: Buffer[] = [];
      let holding = false;
      hold = breath => {
        holding = breath;
        if (!breath) output.write(Buffer.concat(pieces.splice(0)));
      };
      channel.output.on('data', (piece: Buffer) => void (holding ? pieces.push(piece) : output.write(piece)));
      return { ...channel, output };
    },
  };
  const keeper = await openKeeper(slow, here.attempt());
  const ready = here.at('ready');
  hold(true);
  const say = (word: string) => sh`echo ${word}`;
  const skipped = { title: 'skipped', skip: 'no need', run: sh`true` };
  keeper.begin(
    [
      { title: 'a', run: say('of a') },
      { title: 'b', run: say('of b') },
      skipped,
      { title: 'c', run: sh`echo of c; echo more >&2; touch ${ready}; exit 3` },
    ],
    [],
  );
  void until(() => existsSync(ready), 'the last step ran').then(() => setTimeout(() => hold(false), 300));
  const said: string[][] = [];
  for (const index of [0, 1, 2, 3]) {
    const heard: string[] = [];
    said.push(heard);
    // empty lines: the keeper begins a new one wherever it speaks itself
    await keeper.done(index, line => void (line && heard.push(line))).catch(() => heard.push('failed'));
    // who listens may be late
    if (index === 0) await new Promise(done => setTimeout(done, 50));
  }
  keeper.abort('reverted', 'the test is over');
  await keeper.ended();
  assert.equal(said, [['of a'], ['of b'], [], ['of c', 'more', 'failed']]);
  here.remove();
});

test('a step that speaks before the end of the one before it was told is heard with its own', async () => {
  const here = place();
  const keeper = await openKeeper(host, here.attempt());
  const numbers = Array.from({ length: 40 }, (_, index) => index);
  keeper.begin(
    numbers.map(index => ({ title: `step ${index}`, run: sh`echo ${index}` })),
    [],
  );
  const said: string[][] = [];
  for (const index of numbers) {
    const heard: string[] = [];
    said.push(heard);
    await keeper.done(index, line => void (line && heard.push(line)));
  }
  keeper.abort('reverted', 'the test is over');
  await keeper.ended();
  assert.equal(
    said,
    numbers.map(index => [String(index)]),
  );
  here.remove();
});

test('a small change has the lock and no line in the log', async () => {
  const here = place();
  const keeper = await openKeeper(host, here.attempt({ logHead: '', id: 'none' }));
  keeper.begin([stepOf({ title: 'a', run: `touch ${here.at('done')}` })], []);
  await keeper.done(0, () => {});
  await keeper.quit();
  assert.ok(existsSync(here.at('done')));
  assert.equal(here.log(), []);
  assert.equal(here.journal(), []);
  here.remove();
});

test('titles, reasons and folders with quotes, spaces and shell words do no harm', async () => {
  const outside = place();
  const here = place(`${outside.folder}/it's a "folder" $(touch PWNED); x`);
  mkdirSync(here.folder);
  const { outcome, error } = await walk(here.attempt({ client: `ana's $(touch PWNED) "laptop"` }), [
    { title: `it's "a" title\nwith $(touch ${outside.at('PWNED')}) \`x\` \\`, run: sh`pwd`, undo: sh`true` },
    { title: 'b', run: sh`exit 3`, undo: sh`true` },
  ]);
  assert.is(outcome, 'reverted');
  assert.instance(error, StepFailed);
  assert.is(here.log().length, 1);
  assert.not(existsSync(outside.at('PWNED')));
  assert.not(existsSync('PWNED'));
  outside.remove();
});

test('what a step is given reaches it to the byte: its words, its undo and its input', async () => {
  const here = place();
  const file = (name: string) => here.at(name);
  const strange = String.raw`\ \n \x41 \0101 \c %s %b * ? [a-z] ~ $HOME "$(id)" ' - é 日本 ${'\t'}|${'\r'}| end  `;
  const { error, undone } = await walk(here.attempt(), [
    stepOf({ title: '-', run: `cat >${file('input')} <<'END'\n${strange}\nEND\n`, undo: 'true' }),
    {
      ...stepOf({ title: strange, run: `cat >${file('read')}; printf %s ${quote(strange)} >${file('words')}` }),
      input: `${strange}\0\n\n`,
      undo: sh`printf %s ${strange} >${file('undo')}`,
    },
    stepOf({ title: 'Fail', run: 'exit 1' }),
  ]);
  assert.ok(error);
  assert.equal(undone, [1, 0]);
  assert.is(here.text('input'), `${strange}\n`);
  assert.is(here.text('read'), `${strange}\0\n\n`);
  assert.is(here.text('words'), strange);
  assert.is(here.text('undo'), strange);
  here.remove();
});

test('who asks at once, while others come and go, is told who holds the lock and nothing else', async () => {
  const here = place();
  const told = await Promise.all(
    Array.from({ length: 30 }, () =>
      openKeeper(host, here.attempt()).then(
        keeper => keeper.quit(),
        (error: unknown) => error,
      ),
    ),
  );
  for (const error of told)
    if (error instanceof Error) assert.is(error instanceof Failure && error.exit, 5, error.message);
  here.remove();
});

test('a half-written last line of the log does not swallow the next, nor stand for it', async () => {
  const here = place();
  const attempt = here.attempt();
  mkdirSync(here.releases);
  writeFileSync(`${here.releases}/releases.log`, `${attempt.logHead} outcome=li`);
  await walk(attempt, [stepOf({ title: 'a', run: 'true' })]);
  const [half, whole] = here.log();
  assert.is(half, `${attempt.logHead} outcome=li`);
  assert.is(parseLine(whole ?? '')?.outcome, 'live');
  here.remove();
});

test('a folder that cannot be made is said at once', async () => {
  const here = place();
  writeFileSync(here.at('releases'), 'a file');
  chmodSync(here.folder, 0o755);
  const refused = await failure(openKeeper(host, here.attempt()));
  assert.is(refused.exit, 1);
  assert.match(refused.message, 'cannot be made');
  here.remove();
});
test.run();
