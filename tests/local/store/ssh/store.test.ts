// A folder on a host as a store, over a real ssh server: what every store has to do, and what a bad line or a bad disk does.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { HostSettings } from '../../../../lib/target/host-settings.ts';
import { Failure } from '../../../../lib/errors.ts';
import { connect } from '../../../../lib/host/connect.ts';
import type { Host } from '../../../../lib/host/host.ts';
import { probeStore } from '../../../../lib/store/self-test.ts';
import { sshStore } from '../../../../lib/store/ssh/store.ts';
import { failure } from '../../../support/failing.ts';
import { makeHome, settingsFor, startProxy, startSshd, until } from '../../../support/ssh/sshd.ts';
import { conforms } from '../../../support/store/conformance.ts';

const home = makeHome();
const server = await startSshd(home.file('id_ed25519.pub'));
const scratch = mkdtempSync(join(tmpdir(), 'bookops-store-ssh-'));
const root = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'true']).status === 0;
const hosts = new Map<string, Promise<Host>>();
const never = new AbortController().signal;
const MiB = 1024 * 1024;

const settings = (port = server.port) =>
  settingsFor(`${server.address.replace(/\d+$/, String(port))}`, { hostKeys: [server.keys['ed25519'] ?? ''] });
const here: HostSettings = { name: 'here', kind: 'local' };
/** A store on a host, which is connected to once. */
function storeOn(host: HostSettings, folder: string, { signal = never, environment = home.environment } = {}) {
  const word = JSON.stringify([host, environment['PATH']]);
  return sshStore(
    { name: 'attic', kind: 'ssh', host, folder },
    {
      signal,
      connect(wanted) {
        const found = hosts.get(word) ?? connect(wanted, { environment });
        hosts.set(word, found);
        return found;
      },
    },
  );
}
test.after(async () => {
  for (const host of hosts.values()) await (await host).close();
  server.stop();
  home.remove();
  if (root) spawnSync('bash', ['-c', 'umount "$1"/disk-* 2>/dev/null', 'bash', scratch]);
  rmSync(scratch, { recursive: true, force: true });
});

let count = 0;
const fresh = () => join(scratch, `store${++count}`);
const files = (folder: string): string[] => {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true, encoding: 'utf8' })
      .filter(entry => entry.isFile())
      .map(entry => entry.name);
  } catch {
    return [];
  }
};
const put = (store: ReturnType<typeof storeOn>, key: string, text: string) =>
  store.put(key, Readable.from([Buffer.from(text)]));
async function listed(store: ReturnType<typeof storeOn>): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list('')) found.push(key);
  return found;
}
/** A body of so many MiB, with something done after each. */
const steady = (count: number, after: (sent: number) => unknown = () => {}) =>
  Readable.from(
    (async function* () {
      for (let sent = 1; sent <= count; sent++) {
        yield randomBytes(MiB);
        await after(sent);
      }
    })(),
  );

conforms(test, 'ssh', async () => storeOn(settings(), fresh()));
conforms(test, 'ssh, where the host is this machine', async () => storeOn(here, fresh()));

test('nobody else can read what is stored, whatever the host’s umask', async () => {
  const folder = fresh();
  await put(storeOn(settings(), folder), 'a/1/x', 'x');
  assert.equal(
    ['a', 'a/1', 'a/1/x'].map(path => (statSync(join(folder, path)).mode & 0o777).toString(8)),
    ['700', '700', '600'],
  );
});

test('what a killed upload left is not listed, and swept only below its prefix', async () => {
  const folder = fresh();
  const store = storeOn(settings(), folder);
  for (const place of ['a/1', 'ab/1']) {
    mkdirSync(join(folder, place), { recursive: true });
    writeFileSync(join(folder, place, '.unfinished-0123'), 'half');
  }
  assert.equal(await listed(store), []);
  assert.is(await store.sweep('a/'), 1);
  assert.equal([readdirSync(join(folder, 'a/1')), readdirSync(join(folder, 'ab/1'))], [[], ['.unfinished-0123']]);
  assert.is(await store.sweep('none/such/'), 0);
});

test('a key cannot lead out of the folder, and a folder with odd letters is one', async () => {
  const store = storeOn(settings(), join(scratch, "it's a „folder“; $(id) *"));
  await put(store, 'a/x', 'x');
  assert.equal(await listed(store), ['a/x']);
  for (const key of ['../x', 'a/../../x', '/etc/x', 'a//b', '', 'a/.hidden'])
    await store.get(key).then(
      () => assert.unreachable(key),
      (error: unknown) => assert.instance(error, TypeError, key),
    );
  await store.remove('a/x');
  assert.equal(await listed(store), []);
});

test('a line that is cut while an object goes there: connection lost, nothing half is listed, the rest is swept', async () => {
  const wire = await startProxy(server.port);
  const folder = fresh();
  const store = storeOn(settings(wire.port), folder);
  const error = await failure(
    store.put(
      'a/x',
      steady(40, sent => sent === 8 && wire.cut()),
    ),
  );
  assert.is(error.exit, 4);
  assert.match(error.message, /^a\/x cannot be written to the store attic: connection lost/);
  assert.match(error.advice ?? '', 'nothing half is listed');
  assert.equal(await listed(storeOn(settings(), folder)), []);
  assert.is(files(folder).length, 1);
  assert.is(await store.sweep('a/'), 1, 'over a new connection');
  assert.equal(files(folder), []);
  wire.stop();
});

test('a line that is cut while an object comes fails its stream', async () => {
  const wire = await startProxy(server.port);
  const store = storeOn(settings(wire.port), fresh());
  await store.put('a/x', steady(30));
  let seen = 0;
  const error = await failure(
    (async () => {
      for await (const piece of await store.get('a/x')) {
        seen += (piece as Buffer).length;
        if (seen > MiB) wire.cut();
      }
    })(),
  );
  assert.is(error.exit, 4);
  assert.ok(seen < 30 * MiB);
  wire.stop();
});

test('an interrupted upload ends at once and leaves nothing', async () => {
  const stop = new AbortController();
  const folder = fresh();
  const store = storeOn(settings(), folder, { signal: stop.signal });
  const error = await failure(
    store.put(
      'a/x',
      steady(40, sent => sent === 5 && stop.abort(new Failure(130, 'interrupted by SIGINT'))),
    ),
  );
  assert.is(error.exit, 130);
  await until(() => !files(folder).length, () => files(folder).join()); // prettier-ignore
});

test('a host that writes something else than what it was sent is found out', async () => {
  const bin = join(scratch, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'cat'), '#!/bin/sh\nexec tr a b\n');
  chmodSync(join(bin, 'cat'), 0o755);
  const folder = fresh();
  const environment = { ...home.environment, PATH: `${bin}:${home.environment['PATH'] ?? ''}` };
  const error = await failure(put(storeOn(here, folder, { environment }), 'a/x', 'banana'));
  assert.is(error.exit, 1);
  assert.match(error.message, 'what was written there is not what was sent');
  assert.equal(files(folder), []);
});

test('two that store the same key at once: one of them does, and the other is told', async () => {
  const folder = fresh();
  const ends = await Promise.allSettled(
    ['one', 'two', 'six'].map(text => put(storeOn(settings(), folder), 'a/x', text)),
  );
  assert.is(ends.filter(end => end.status === 'fulfilled').length, 1);
  for (const end of ends)
    if (end.status === 'rejected') assert.match(String(end.reason), 'nothing is ever overwritten');
  assert.equal(files(folder), ['x']);
});

test('a full disk, one that cannot be written to, and a folder that is none are told with what to do', async () => {
  const say = async (folder: string, bytes: number) => {
    const error = await failure(storeOn(settings(), folder).put('a/x', Readable.from([randomBytes(bytes)])));
    assert.is(error.exit, 1, error.message);
    assert.match(error.message, 'a/x cannot be written to the store attic: ');
    return `${error.message}; ${error.advice ?? ''}`;
  };
  const plain = join(scratch, 'plain');
  writeFileSync(plain, '');
  assert.match(await say(join(plain, 'x'), 1), /Not a directory; is .* the right folder/);
  if (!root) return;
  const disk = (name: string, how: string) => {
    const at = join(scratch, `disk-${name}`);
    const made = spawnSync('bash', ['-c', 'mkdir "$1" && mount -t tmpfs -o "$2" tmpfs "$1"', 'bash', at, how]);
    assert.is(made.status, 0, made.stderr.toString());
    return at;
  };
  const full = disk('full', 'size=1m');
  assert.match(await say(full, 3 * MiB), /No space left on device; make room there/);
  assert.equal(files(full), [], 'the half of it is gone');
  assert.match(await say(disk('read', 'ro'), 10), /Read-only file system; .* must belong to the user who connects/);
});

test('a probe finds nothing wrong, leaves nothing, and tells the room that is left', async () => {
  const folder = fresh();
  const store = storeOn(settings(), folder);
  const findings = await probeStore(store);
  assert.equal(
    findings.map(one => `${one.check} ${one.state}`),
    ['storing', 'listing', 'overwriting', 'large upload', 'cut-off upload', 'removing'].map(check => `${check} good`),
  );
  assert.equal(readdirSync(folder), []);
  mkdirSync(join(folder, 'a/1'), { recursive: true });
  writeFileSync(join(folder, 'a/1/.unfinished-0123'), 'half');
  const told = async (needed: number) =>
    (await store.examine('a/', needed)).map(one => `${one.check} ${one.state} ${one.says}`).join('; ');
  assert.match(await told(0), /^room \w+ [\d.]+ [MGT]B free in .* on .*; leftovers warning 1 uploads/);
  assert.ok(((await store.free()) ?? 0) > 1e6);
  assert.match(await told(1e15), /^room failure .* free in .*, and the newest backup has 1000 TB;/);
});

test('a host that is not the one it should be gets nothing', async () => {
  const strange = settingsFor(server.address, { hostKeys: [], identity: undefined });
  const error = await failure(put(storeOn(strange, fresh()), 'a/x', 'x'));
  assert.is(error.exit, 4);
  assert.match(error.message, /a\/x cannot be written to the store attic: .*host key/);
});
test.run();
