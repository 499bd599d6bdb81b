// Whose the keeper's folder is: what somebody else could have put there is never run, and a damaged journal is settled truthfully.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Failure } from '../../../../lib/errors.ts';
import { openKeeper } from '../../../../lib/plan/keeper/open.ts';
import { parseLine } from '../../../../lib/release/log.ts';
import { failure } from '../../../support/failing.ts';
import {
  host,
  keeperOf,
  place,
  program,
  shas,
  stepOf,
  until,
  walk,
  type Place,
} from '../../../support/keeper/keeping.ts';

/** Only root can give a folder to somebody else. */
const root = process.getuid?.() === 0;
const nobody = 65534;

/** A journal whose undo would show that it ran. */
function planted(here: Place): string {
  const journal = join(here.home, 'journal');
  mkdirSync(journal, { recursive: true, mode: 0o700 });
  const canary = `touch ${here.at('canary')}\n`;
  writeFileSync(join(journal, 'prelude.sh'), canary);
  writeFileSync(join(journal, 'attempt'), `log_head=x\n${canary}started=1\n`);
  writeFileSync(join(journal, 'undo.000'), canary);
  writeFileSync(join(here.home, 'keeper.sh'), readFileSync(keeperText(here)));
  return journal;
}

/** The keeper's own text, as an earlier run leaves it for the boot line. */
function keeperText(here: Place): string {
  return here.at('keeper.sh');
}

const cases: { what: string; root?: boolean; change(here: Place, journal: string): void; says: RegExp }[] = [
  {
    what: 'a home that is a link',
    change(here) {
      renameSync(here.home, here.at('elsewhere'));
      symlinkSync(here.at('elsewhere'), here.home);
    },
    says: /is not a folder of/,
  },
  {
    what: 'a home of another user',
    root: true,
    change: here => chownSync(here.home, nobody, nobody),
    says: /is not a folder of/,
  },
  { what: 'a home that others can write', change: here => chmodSync(here.home, 0o777), says: /everybody can change/ },
  {
    what: 'releases that others can write',
    change: here => chmodSync(here.releases, 0o777),
    says: /everybody can change \S+releases.*chmod o-w/s,
  },
  {
    what: 'releases that a group of others can write',
    root: true,
    change(here) {
      chownSync(here.releases, 0, 1);
      chmodSync(here.releases, 0o2775);
    },
    says: /the group daemon can change \S+releases.*as root: chmod g-w \S+releases/s,
  },
  {
    what: 'a root of another user',
    root: true,
    change: here => chownSync(here.folder, nobody, nobody),
    says: /belongs to nobody.*as root: chown root/s,
  },
  {
    what: 'a journal that is a link',
    change(here, journal) {
      renameSync(journal, here.at('elsewhere'));
      symlinkSync(here.at('elsewhere'), journal);
    },
    says: /journal is a link/,
  },
  {
    what: 'a journal of another user',
    root: true,
    change: (_, journal) => chownSync(journal, nobody, nobody),
    says: /journal is/,
  },
  { what: 'a journal that others can write', change: (_, journal) => chmodSync(journal, 0o770), says: /journal is/ },
  {
    what: 'an undo of another user',
    root: true,
    change: (_, journal) => chownSync(join(journal, 'undo.000'), nobody, nobody),
    says: /undo\.000 is/,
  },
  {
    what: 'an attempt that is a link',
    change(here, journal) {
      renameSync(join(journal, 'attempt'), here.at('elsewhere'));
      symlinkSync(here.at('elsewhere'), join(journal, 'attempt'));
    },
    says: /attempt is a link/,
  },
  {
    what: 'words that others can write',
    change: (_, journal) => chmodSync(join(journal, 'prelude.sh'), 0o666),
    says: /prelude\.sh is/,
  },
];

for (const { what, root: needsRoot, change, says } of cases)
  test(`${what} is refused, by a task and at boot, and nothing in it is run`, async () => {
    if (needsRoot && !root) return;
    const here = place();
    await walk(here.attempt(), [stepOf({ title: 'a', run: 'true' })]);
    writeFileSync(keeperText(here), readFileSync(join(here.home, 'keeper.sh')));
    change(here, planted(here));
    const refused = (await failure(openKeeper(host, here.attempt()))) as Failure;
    assert.is(refused.exit, 1);
    assert.match(`${refused.message}\n${refused.advice ?? ''}`, says);
    assert.match(refused.advice ?? '', 'as root: ');
    const boot = spawnSync('bash', [keeperText(here), 'settle', here.home], { encoding: 'utf8', timeout: 30_000 });
    assert.is(boot.status, 3, boot.stderr);
    assert.match(boot.stderr, says);
    assert.not(existsSync(here.at('canary')));
    assert.is(here.log().length, 1);
    here.remove();
  });

test('what leads to the home through links is followed, and only what others can change is refused', async () => {
  const outside = place();
  mkdirSync(outside.at('real/root'), { recursive: true });
  mkdirSync(outside.at('links'));
  symlinkSync('../real', outside.at('links/to'));
  const here = place(join(outside.at('links/to'), 'root'));
  assert.is((await walk(here.attempt(), [stepOf({ title: 'a', run: 'true' })])).outcome, 'live');
  chmodSync(outside.at('links'), 0o777);
  const refused = await failure(openKeeper(host, here.attempt()));
  assert.match(refused.message, new RegExp(`everybody can change ${outside.at('links')}:`));
  chmodSync(outside.at('links'), 0o1777);
  assert.is((await walk(here.attempt(), [stepOf({ title: 'a', run: 'true' })])).outcome, 'live');
  outside.remove();
});

/** A run whose keeper was killed in the middle of a step. */
async function cutOff(here: Place): Promise<string> {
  const { child } = program(here.attempt({ id: 'lost-one' }), [
    { title: 'Hang', run: `touch ${here.at('begun')}; sleep 600`, undo: `touch ${here.at('undone')}` },
  ]);
  await until(() => existsSync(here.at('begun')), 'the step hangs', 20);
  process.kill(keeperOf(here), 'SIGKILL');
  child.kill('SIGKILL');
  await until(() => here.free(), 'the lock is free');
  return join(here.home, 'journal/attempt');
}

const next = 'c'.repeat(40);
const ofNext = (here: Place) =>
  here.attempt({
    id: 'next-one',
    logHead: `2026-11-21T12:00:04Z env=staging sha=${next} id=next-one action=deploy by=bo@desk`,
  });

for (const [what, damage] of [
  ['emptied', (file: string) => truncateSync(file, 0)],
  ['cut in the middle', (file: string) => truncateSync(file, readFileSync(file, 'utf8').indexOf('log_head=') + 30)],
  ['cut behind its line', (file: string) => truncateSync(file, readFileSync(file, 'utf8').indexOf('client=') + 3)],
  ['made of zeros', (file: string) => writeFileSync(file, Buffer.alloc(400))],
] as const)
  test(`an attempt that was ${what} is undone, and its line is its own`, async () => {
    const here = place();
    damage(await cutOff(here));
    if (what === 'made of zeros') {
      const boot = spawnSync('bash', [join(here.home, 'keeper.sh'), 'settle', here.home], { encoding: 'utf8' });
      assert.equal([boot.status, boot.stderr], [0, '']);
    }
    const { outcome } = await walk(ofNext(here), [stepOf({ title: 'Next', run: `[ -e ${here.at('undone')} ]` })]);
    assert.is(outcome, 'live');
    const lines = here.log().map(line => parseLine(line));
    assert.equal(
      lines.map(line => [line?.outcome, line?.sha, line?.by]),
      [
        ['lost', shas.next, 'ana@laptop'],
        ['live', next, 'bo@desk'],
      ],
    );
    assert.match(lines[0]?.reason ?? '', 'the journal was damaged');
    assert.is(lines[0]?.environment, what === 'made of zeros' ? 'unknown' : 'staging');
    assert.is(new Set(lines.map(line => line?.id)).size, 2);
    here.remove();
  });

test.run();
