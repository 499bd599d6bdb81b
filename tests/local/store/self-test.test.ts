// What a probe says of stores that are well and of stores that are not: a folder, and a bucket over a bad line.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Finding } from '../../../lib/finding.ts';
import { folderStore } from '../../../lib/store/folder/store.ts';
import { probeStore } from '../../../lib/store/self-test.ts';
import { judgeRule } from '../../../lib/store/s3/checks.ts';
import { s3Store } from '../../../lib/store/s3/store.ts';
import { startFaults } from '../../support/store/faults.ts';
import { startSwift } from '../../support/store/swift.ts';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
const swift = await startSwift();
const faults = await startFaults(swift.port);
const around = { environment: swift.environment, signal: new AbortController().signal };
const scratch = mkdtempSync(join(tmpdir(), 'bookops-probe-'));
test.after(async () => {
  await faults.stop();
  await swift.stop();
  rmSync(scratch, { recursive: true, force: true });
});
test.before.each(() => void (faults.rule = () => undefined));

let buckets = 0;
/** A bucket over the bad line. */
const badLine = async () => {
  const settings = { ...(await swift.bucket(`probe-${++buckets}`)), prefix: 'ours' };
  const direct = s3Store(settings, around);
  const left = async () => {
    const found: string[] = [];
    for await (const { key } of direct.list('')) found.push(key);
    return [...found, ...(await swift.unfinished(settings.bucket))];
  };
  return { store: s3Store({ ...settings, endpoint: faults.endpoint }, around), direct, left };
};
const short = (findings: Finding[]) => findings.map(({ check, state }) => `${check} ${state}`);
const well = ['storing', 'listing', 'overwriting', 'large upload', 'cut-off upload', 'removing'].map(
  one => `${one} good`,
);

test('a folder and a bucket that are well: all good, and nothing is left in them', async () => {
  assert.equal(short(await probeStore(folderStore('disk', join(scratch, 'well')))), well);
  assert.equal(readdirSync(join(scratch, 'well')), []);
  const { store, left } = await badLine();
  assert.equal(short(await probeStore(store)), well);
  assert.equal(await left(), []);
  // this server has no lifecycle rules, and says so with 501
  assert.equal(short(await store.examine('book-staging/', 0)), ['clock good', 'leftovers good']);
});

test('a bucket that takes nothing fails at once, with what to look at', async () => {
  const { store } = await badLine();
  faults.rule = ({ method }) => (method === 'PUT' ? { answer: 403, code: 'AccessDenied' } : undefined);
  const [first, ...rest] = await probeStore(store);
  assert.equal([first?.check, first?.state, rest], ['storing', 'failure', []]);
  assert.match(`${first?.says} ${first?.fix}`, /no right to do that.*look at S3_KEY and S3_SECRET/s);
});

test('what comes back changed, cannot be sent in parts, or is not listed, is a failure', async () => {
  const { store, left } = await badLine();
  faults.rule = ({ method, part }) =>
    method === 'PUT' && part === 2 ? { answer: 501, code: 'NotImplemented' } : undefined;
  const parts = await probeStore(store);
  assert.equal(
    parts.filter(one => one.state === 'failure').map(one => one.check),
    ['large upload'],
  );
  assert.match(parts.find(one => one.check === 'large upload')?.says ?? '', 'NotImplemented 501');
  assert.equal(await left(), []);

  const folder = folderStore('disk', join(scratch, 'lying'));
  const lying = { ...folder, get: async () => Readable.from([Buffer.from('something else')]) };
  const [storing] = await probeStore(lying);
  assert.equal([storing?.state, storing?.says], ['failure', 'what is read is not what was written']);
});

test('a key that may not remove anything is a warning, and says what stays', async () => {
  const { store, left } = await badLine();
  faults.rule = ({ method, path }) =>
    method === 'DELETE' && !path.includes('uploadId') ? { answer: 403, code: 'AccessDenied' } : undefined;
  const findings = await probeStore(store);
  assert.equal(short(findings), [...well.slice(0, -1), 'removing warning']);
  assert.match(findings.at(-1)?.fix ?? '', /not pruned with this key; probe\/\w+\/small and probe\/\w+\/large stay/);
  assert.is((await left()).length, 2);
});

test('an upload whose parts cannot be taken away is swept, and told', async () => {
  const { store, left } = await badLine();
  let refused = 0;
  faults.rule = ({ method, path }) =>
    method === 'DELETE' && path.includes('uploadId') && refused++ < 1
      ? { answer: 403, code: 'AccessDenied' }
      : undefined;
  assert.equal(short(await probeStore(store)).at(4), 'cut-off upload warning');
  assert.equal(await left(), []);
});

test('a clock that is ten minutes off, uploads that were cut off and rules of the bucket are warnings', async () => {
  const { store } = await badLine();
  const rule = (id: string, more: string) => `<Rule><ID>${id}</ID><Status>Enabled</Status>${more}</Rule>`;
  const rules = `<LifecycleConfiguration>${[
    rule('old', '<Filter><Prefix>ours/</Prefix></Filter><Expiration><Days>30</Days></Expiration>'),
    rule('cold', '<Filter/><Transition><Days>7</Days><StorageClass>DEEP_ARCHIVE</StorageClass></Transition>'),
    rule('other', '<Filter><Prefix>logs/</Prefix></Filter><Expiration><Days>1</Days></Expiration>'),
    rule('parts', '<Prefix></Prefix><AbortIncompleteMultipartUpload><DaysAfterInitiation>2</DaysAfterInitiation></AbortIncompleteMultipartUpload>'), // prettier-ignore
  ].join('')}</LifecycleConfiguration>`;
  faults.rule = ({ path }) => (path.includes('lifecycle') ? { says: rules } : { clock: 600 });
  const findings = await store.examine('book-staging/', 0);
  assert.equal(short(findings), ['clock warning', 'leftovers good', 'rules warning', 'rules warning', 'rules good']);
  const [clock, , old, cold, parts] = findings.map(one => one.says);
  assert.match(clock ?? '', /^this machine is (599|600|601) s behind the store$/);
  assert.is(old, 'the rule old for ours/ removes objects after 30 days, whatever keep: says');
  assert.match(cold ?? '', 'the rule cold for everything moves objects to DEEP_ARCHIVE after 7 days');
  assert.is(parts, 'the rule parts for everything removes unfinished uploads after 2 days');
});

test('rules that are off, for tagged objects, or for other versions do not concern backups', () => {
  const all = { Filter: { Prefix: '' }, Expiration: { Days: 1 } };
  assert.is([...judgeRule({ ...all, Status: 'Enabled' }, 'a/')].length, 1);
  assert.equal([...judgeRule({ ...all, Status: 'Disabled' }, 'a/')], []);
  assert.equal([...judgeRule({ ...all, Status: 'Enabled', Filter: { Tag: { Key: 'k', Value: 'v' } } }, 'a/')], []);
  assert.equal([...judgeRule({ Status: 'Enabled', Expiration: { ExpiredObjectDeleteMarker: true } }, 'a/')], []);
  assert.is([...judgeRule({ ...all, Status: 'Enabled', Filter: { Prefix: 'a/b-c/1' } }, 'a/')].length, 1);
});
test.run();
