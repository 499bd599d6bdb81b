// Names of releases and attempts, and which release a rollback goes to.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../../lib/errors.ts';
import { serving } from '../../../lib/release/serving.ts';
import { earlierRelease } from '../../../lib/deploy/rollback-target.ts';
import { prune } from '../../../lib/deploy/prune-releases.ts';
import { attemptId, fullSha, isReleaseName, releaseAt } from '../../../lib/release/release.ts';
import { factsOf, sample, when } from '../../support/target/targets.ts';

const sha = (letter: string) => letter.repeat(40);
const folder = (letter: string) => `20260101_000000_${letter.repeat(7)}`;
const target = sample();

/** Facts after these deploys and rollbacks, `a`, `b`, `<a`; a letter in capitals was reverted. */
function after(words: string, more: Record<string, string> = {}) {
  let current = '';
  const lines = words.split(' ').map(word => {
    const letter = word.replace('<', '').toLowerCase();
    const live = word === word.toLowerCase();
    if (live) current = sha(letter);
    return `2026-01-01T00:00:00Z env=staging sha=${sha(letter)} action=${word.startsWith('<') ? 'rollback' : 'deploy'} outcome=${live ? 'live' : 'reverted'} release=${folder(letter)}`;
  });
  return factsOf(target, {
    log: lines.join('\n'),
    current,
    folders: ['a', 'b', 'c', 'd'].map(folder).join('\n'),
    ...more,
  });
}
const goesTo = (words: string, to?: string) => {
  const chosen = earlierRelease(target, after(words), to);
  return 'already' in chosen ? 'nothing' : chosen.sha[0];
};
const refused = (words: string, to?: string) => {
  try {
    earlierRelease(target, after(words), to);
  } catch (error) {
    if (error instanceof Failure) return error;
  }
  throw new Error('it was not refused');
};

test('only a whole SHA in small letters names a commit', () => {
  assert.is(fullSha(sha('a')), sha('a'));
  assert.is(fullSha('b'.repeat(64)), 'b'.repeat(64));
  for (const bad of ['', 'abc', sha('A'), sha('g'), 'a'.repeat(41), `${sha('a')} `])
    assert.throws(() => fullSha(bad), /is not a full commit SHA/);
});

test('two releases of one second have two names, and both are names of releases', () => {
  const first = releaseAt('/r', when, sha('a'), []);
  const second = releaseAt('/r', when, sha('a'), [first.name]);
  const third = releaseAt('/r', when, sha('a'), [first.name, second.name]);
  assert.equal(
    [first.name, second.name, third.name],
    ['20261120_120004_aaaaaaa', '20261120_120004_aaaaaaa_2', '20261120_120004_aaaaaaa_3'],
  );
  for (const { name } of [first, second, third]) assert.ok(isReleaseName(name));
  assert.is(first.folder, '/r/20261120_120004_aaaaaaa');
  assert.is(attemptId(when, [undefined, '20261120-120004']), '20261120-120004-2');
});

test('a rollback goes to the last good release before the one that serves, and twice goes two back', () => {
  assert.is(goesTo('a b'), 'a');
  assert.is(goesTo('a b c'), 'b');
  assert.is(goesTo('a b c <b'), 'a');
  assert.is(goesTo('a B c'), 'a');
  assert.is(goesTo('a b C'), 'a');
  assert.is(goesTo('a b <a d'), 'a');
});

test('a release is named by seven digits, all of them, or its folder', () => {
  assert.is(goesTo('a b c', 'aaaaaaa'), 'a');
  assert.is(goesTo('a b c', sha('a')), 'a');
  assert.is(goesTo('a b c', folder('a')), 'a');
  assert.is(goesTo('a b c <b', sha('c')), 'c');
  assert.is(goesTo('a b c', sha('c')), 'nothing');
});

test('a rollback that cannot happen is refused with exit 2, and says what there is', () => {
  assert.is(refused('a').exit, 2);
  assert.match(refused('a B').message, 'no good release before');
  assert.match(refused('a b', sha('d')).advice ?? '', 'aaaaaaa');
  for (const to of ['', 'aaaaaa', '../..', 'a*', 'main', '-', sha('B'), '$(id)'])
    assert.is(refused('a b', to).exit, 2, to);
});

test('a release whose folder is gone is made anew under a new name', () => {
  const chosen = earlierRelease(target, after('a b', { folders: folder('b') }), undefined);
  assert.is('name' in chosen && chosen.name, '20261120_120004_aaaaaaa');
});

test('what serves is what the link and the pointer say, also when another tool put it there', () => {
  assert.is(serving(target, factsOf(target, {})), undefined);
  assert.is(serving(target, after('a b'))?.name, folder('b'));
  assert.is(serving(target, factsOf(target, { current: sha('d') }))?.name, 'adopted_ddddddd');
  assert.is(serving(target, after('a b', { linked: `/srv/x/${folder('a')}\n` }))?.name, folder('a'));
});

// oratory's own deploy.sh: folders and the link, no log
const theirs = ['20251120_120000_0000001', '20251121_120000_0000002', '20251122_120000_0000003'];
const oratory = (more: Record<string, string> = {}) =>
  factsOf(target, { folders: theirs.join('\n'), linked: `/srv/x/${theirs[2]}\n`, ...more });
const overThem = (words: string, more: Record<string, string> = {}) => {
  const ours = words.split(' ').map((letter, at, all) => {
    const was = at ? sha(all[at - 1] ?? '') : '0000003';
    return `2026-01-0${at + 1}T00:00:00Z env=staging sha=${sha(letter)} id=x action=deploy was=${was} outcome=live release=${folder(letter)}`;
  });
  const last = words.at(-1) ?? '';
  return oratory({
    log: ours.join('\n'),
    current: sha(last),
    previous: words.length > 1 ? sha(words.at(-3) ?? '') : '0000003',
    folders: [...theirs, ...words.split(' ').map(folder)].join('\n'),
    linked: `/srv/x/${folder(last)}\n`,
    ...more,
  });
};
const named = (facts: ReturnType<typeof factsOf>, to?: string) => {
  const chosen = earlierRelease(target, facts, to);
  return 'already' in chosen ? 'nothing' : chosen.name;
};

test('what another tool left can be gone back to, by default to what served, by name or commit to all of it', () => {
  const facts = overThem('a');
  assert.is(named(facts), theirs[2]);
  assert.is(named(facts, theirs[2]), theirs[2]);
  assert.is(named(facts, '0000003'), theirs[2]);
  assert.is(named(facts, `0000003${'9'.repeat(33)}`), theirs[2]);
  assert.is(named(facts, theirs[0]), theirs[0]);
  assert.is(named(facts, '0000002'), theirs[1]);
  assert.is(named(overThem('a b c')), folder('b'));
  assert.is(named(oratory(), theirs[1]), theirs[1]);
  assert.is(named(oratory(), '0000003'), 'nothing');
  const back = overThem('a', { linked: `/srv/x/${theirs[2]}\n`, current: '0000003', previous: '' });
  assert.is(serving(target, back)?.name, theirs[2]);
  assert.throws(() => named(back), /no good release before/);
  assert.is(
    named(oratory({ linked: '', current: sha('b'), previous: sha('a') }), undefined),
    '20261120_120004_aaaaaaa',
  );
  assert.throws(() => named(oratory({ linked: '', current: sha('b'), previous: sha('b') })), /no good release before/);
});

test('a release that another tool called by a word has a folder and can be named', () => {
  const log = '2026-01-01T00:00:00Z env=staging sha=v1.2.0\n2026-01-02T00:00:00Z env=staging sha=release/2';
  const facts = factsOf(target, { log, current: 'release/2', folders: 'adopted_v1.2.0\nadopted_release-2' });
  assert.is(serving(target, facts)?.name, 'adopted_release-2');
  assert.is(named(facts), 'adopted_v1.2.0');
  assert.is(named(facts, 'v1.2.0'), 'adopted_v1.2.0');
});

/** The folders that a deploy of `x` would remove. */
const removed = (facts: ReturnType<typeof factsOf>, keep: number) => {
  const one = { ...target, keep };
  const next = releaseAt(target.paths.releases, when, sha('f'), []);
  const step = prune(one, facts, { facts, next, was: serving(one, facts), id: 'x', notes: {} });
  return [...new Set(step.run.text.match(/\d{8}_\d{6}_\w{7}/g))];
};

test('as many as ops.yml says stay: the newest that ever served, those of another tool and those that were left included', () => {
  assert.equal(removed(oratory(), 5), []);
  assert.equal(removed(oratory(), 3), [theirs[0]]);
  assert.equal(removed(oratory(), 2), theirs.slice(0, 2));
  assert.equal(removed(overThem('a'), 4), [theirs[0]]);
  assert.equal(removed(overThem('a b c'), 4), theirs);
  const all = { folders: ['a', 'b', 'c', 'd', 'e'].map(folder).join('\n') };
  assert.equal(removed(after('a b <a c', all), 5), [folder('d'), folder('e')]);
  assert.equal(removed(after('a b c <a', all), 3), ['b', 'd', 'e'].map(folder));
  assert.equal(removed(after('a b C <a d', all), 3), ['b', 'c', 'e'].map(folder));
});
test.run();
