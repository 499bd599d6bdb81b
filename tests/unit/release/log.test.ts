// releases.log: lines of arsvent's scripts and ours are read, hostile reasons come back, and previous is always a good release.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { everLive, goodReleases, parseLine, parseLog } from '../../../lib/release/log.ts';
import { pairs } from '../../../lib/log-line.ts';
import { below, hostile, pick, seeded } from '../../support/faults/hostile.ts';

const sha = (letter: string) => letter.repeat(40);
const time = '2026-11-20T12:00:04Z';
const line = (keys: Record<string, string | number | undefined>) => `${time} ${pairs({ env: 'staging', ...keys })}`;
const history = (...words: string[]) =>
  parseLog(
    words
      .map(word => {
        const [action = '', letter = '', outcome = 'live'] = word.split(' ');
        return line({ sha: sha(letter), action, outcome });
      })
      .join('\n'),
  );
const stack = (...words: string[]) => goodReleases(history(...words)).map(one => one.sha[0]).join(''); // prettier-ignore

test("lines that arsvent's own scripts wrote are good releases; tags=rollback is a rollback", () => {
  const first = parseLine(`${time} env=production sha=${sha('a')} tags=v1.2.0,latest by=ana`);
  assert.equal(
    [first?.outcome, first?.action, first?.environment, first?.sha],
    ['live', 'deploy', 'production', sha('a')],
  );
  const back = parseLine(`${time} env=production sha=${sha('b')} tags=rollback`);
  assert.equal([back?.outcome, back?.action], ['live', 'rollback']);
  assert.is(back?.keys.tags, 'rollback');
});

test('a line of ours is read back key by key', () => {
  const read = parseLine(
    `${line({ sha: sha('a'), id: '20261120-120004', action: 'deploy', release: '20261120_120004_aaaaaaa', was: sha('b'), by: 'ana@laptop' })} outcome=reverted reason="readyz 503: migrations pending" seconds=11.40`,
  );
  assert.equal(
    [read?.id, read?.was, read?.by, read?.release, read?.reason, read?.seconds],
    ['20261120-120004', sha('b'), 'ana@laptop', '20261120_120004_aaaaaaa', 'readyz 503: migrations pending', 11.4],
  );
});

test('text that is no line is none, and hides no line', () => {
  for (const text of [
    '',
    ' ',
    '# comment',
    'env=x sha=y',
    `${time}`,
    `${time} sha=x`,
    `${time} env=x`,
    '2026 env=x sha=y',
    '\0',
  ])
    assert.is(parseLine(text), undefined, JSON.stringify(text));
  const whole = line({ sha: sha('a'), outcome: 'live' });
  const log = parseLog(`${whole}\n2026-11-20T12:09:31Z env=staging sha=77a\n${whole.slice(0, 30)}\n\n${whole}\r\n`);
  assert.is(log.filter(one => one.sha === sha('a')).length, 2);
  assert.is(everLive(log, sha('a')), true);
  assert.is(everLive(log, sha('b')), false);
});

test('2,000 hostile reasons come back as they were, control characters as spaces, on one line', () => {
  const random = seeded(7);
  for (let index = 0; index < 2000; index++) {
    const reason = hostile(random, '/tmp/x', { nul: true }).slice(0, 5000);
    const text = line({ sha: sha('a'), outcome: 'reverted', reason, by: reason, after: 'x' });
    assert.not(text.includes('\n'));
    const read = parseLine(text);
    // eslint-disable-next-line no-control-regex
    const expected = reason.replace(/[\0-\x09\x0b-\x1f\x7f]/g, ' ');
    if (
      read?.reason !== expected ||
      read.by !== expected ||
      read.keys.after !== 'x' ||
      read.outcome !== 'reverted' ||
      read.sha !== sha('a')
    )
      assert.unreachable(`${JSON.stringify(reason)} came back as ${JSON.stringify(read?.reason)}`);
  }
});

test('a rollback goes one release further back each time, and a deploy after it starts from there', () => {
  assert.is(stack('deploy a', 'deploy b', 'deploy c'), 'abc');
  assert.is(stack('deploy a', 'deploy b', 'deploy c', 'rollback b'), 'ab');
  assert.is(stack('deploy a', 'deploy b', 'deploy c', 'rollback b', 'rollback a'), 'a');
  assert.is(stack('deploy a', 'deploy b', 'deploy c', 'rollback b', 'rollback a', 'deploy d'), 'ad');
  assert.is(stack('deploy a', 'deploy b', 'deploy c', 'rollback b', 'rollback a', 'deploy d', 'rollback a'), 'a');
});

test('a rollback to a release further back, or to one no longer on the stack, puts it on top', () => {
  assert.is(stack('deploy a', 'deploy b', 'deploy c', 'rollback a'), 'a');
  assert.is(stack('deploy a', 'deploy b', 'rollback a', 'rollback b'), 'ab');
});

test('attempts that were not good, restarts and repeated deploys change nothing or only the order', () => {
  assert.is(
    stack('deploy a', 'deploy b reverted', 'deploy c lost', 'deploy d stuck', 'deploy e aborted', 'deploy f failed'),
    'a',
  );
  assert.is(stack('deploy a', 'deploy b', 'restart a'), 'ab');
  assert.is(stack('deploy a', 'deploy b', 'deploy a'), 'ba');
  assert.is(stack('promote a', 'promote b'), 'ab');
  assert.is(stack(), '');
});

test('the folder of a release is remembered over a line that does not name it', () => {
  const log = parseLog(
    [line({ sha: sha('a'), release: 'folder_a' }), line({ sha: sha('b') }), line({ sha: sha('a') })].join('\n'),
  );
  assert.is(goodReleases(log).at(-1)?.release, 'folder_a');
});

test('in 2,000 generated histories previous is good and never current, and current is the last that went live', () => {
  const random = seeded(11);
  const letters = 'abcdef'.split('');
  for (let index = 0; index < 2000; index++) {
    const words: string[] = [];
    const live: string[] = [];
    for (let count = below(random, 25); count > 0; count--) {
      const action = pick(random, ['deploy', 'deploy', 'promote', 'rollback', 'restart']);
      const outcome = pick(random, ['live', 'live', 'live', 'reverted', 'lost', 'stuck', 'failed', 'aborted']);
      const before = live.at(-1);
      if (action === 'restart' && before === undefined) continue;
      const letter = action === 'restart' && before ? before : pick(random, letters);
      words.push(`${action} ${letter} ${outcome}`);
      if (outcome === 'live') live.push(letter);
    }
    const good = stack(...words);
    const why = words.join(', ');
    assert.is(good.at(-1), live.at(-1), why);
    assert.is.not(good.at(-2) ?? 'none', live.at(-1), why);
    assert.is(new Set(good).size, good.length, why);
    for (const letter of good) assert.ok(live.includes(letter), why);
  }
});
test.run();
