// A bucket as a store, against a real S3 server: what every store has to do, and what a bad line or a wrong setting does.
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Failure } from '../../../../lib/errors.ts';
import { s3Store } from '../../../../lib/store/s3/store.ts';
import { partSize } from '../../../../lib/store/s3/upload.ts';
import type { S3Settings } from '../../../../lib/store/s3/client.ts';
import { conforms } from '../../../support/store/conformance.ts';
import { startFaults } from '../../../support/store/faults.ts';
import { startSwift } from '../../../support/store/swift.ts';
import { failure } from '../../../support/failing.ts';

process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
const MiB = 1024 * 1024;
const swift = await startSwift();
const faults = await startFaults(swift.port);
const { environment } = swift;
const around = { environment, signal: new AbortController().signal };
test.after(async () => {
  await faults.stop();
  await swift.stop();
});
test.before.each(() => void (faults.rule = () => undefined));

let buckets = 0;
const fresh = (more: Partial<S3Settings> = {}) =>
  swift.bucket(`bucket-${++buckets}`).then(settings => ({ ...settings, ...more }));
/** The same bucket over the bad line. */
const badLine = async () => {
  const settings = await fresh({ endpoint: faults.endpoint });
  return { settings, store: s3Store(settings, around) };
};
const body = (bytes: number) => Readable.from(pieces(randomBytes(bytes)));
function* pieces(whole: Buffer): Generator<Buffer> {
  for (let at = 0; at < whole.length; at += 65_536) yield whole.subarray(at, at + 65_536);
}
async function keys(settings: S3Settings): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of s3Store({ ...settings, endpoint: swift.endpoint }, around).list('')) found.push(key);
  return found;
}
async function leavesNothing(settings: S3Settings): Promise<void> {
  assert.equal(await keys(settings), [], 'objects');
  assert.equal(await swift.unfinished(settings.bucket), [], 'unfinished uploads');
}

conforms(test, 's3', async () => s3Store(await fresh(), around));
conforms(test, 's3 below a prefix', async () => s3Store(await fresh({ prefix: 'deep/backups' }), around));

test('parts are small enough for memory and large enough for 1,000 of them, or 10,000', () => {
  const GiB = 1024 * MiB;
  assert.equal(
    [0, 7 * GiB, 10 * GiB, 100 * GiB, 1024 * GiB].map(bytes => partSize(bytes) / MiB),
    [8, 8, 11, 32, 110],
  );
  assert.ok(partSize(10 * GiB) * 1000 > 10 * GiB);
  assert.ok(partSize(5e12) * 10_000 >= 5e12);
});

test('thirty megabytes in four parts come back, and a listing goes on after its first page', async () => {
  const { settings, store } = await badLine();
  const whole = randomBytes(30 * MiB);
  assert.equal(await store.put('big/one', Readable.from(pieces(whole))), { bytes: whole.length });
  assert.equal(
    [...new Set(faults.asked.map(({ part }) => part ?? 0))].toSorted((one, other) => one - other),
    [0, 1, 2, 3, 4],
  );
  assert.ok((await buffer(await store.get('big/one'))).equals(whole));

  // This server gives twenty at a time.
  const direct = s3Store({ ...settings, endpoint: swift.endpoint }, around);
  const names = Array.from({ length: 43 }, (_, index) => `many/${index}`);
  for (const name of names) await direct.put(name, Readable.from([]));
  const listed: string[] = [];
  for await (const { key } of direct.list('many/')) listed.push(key);
  assert.equal(listed.toSorted(), names.toSorted());
});

test('an object that ends where a part ends has no part of nothing', async () => {
  const { settings, store } = await badLine();
  for (const parts of [1, 2]) {
    const whole = randomBytes(parts * 8 * MiB);
    assert.equal(await store.put(`a/${parts}`, Readable.from([whole])), { bytes: whole.length });
    assert.ok((await buffer(await store.get(`a/${parts}`))).equals(whole));
    assert.not.ok(
      faults.asked.some(({ path, part }) => path.includes(`${settings.bucket}/a/${parts}`) && part === parts + 1),
    );
  }
});

test('a producer that dies after some parts leaves neither an object nor parts', async () => {
  const { settings, store } = await badLine();
  const dying = Readable.from(
    (async function* () {
      yield* pieces(randomBytes(20 * MiB));
      throw new Failure(1, 'pg_dump ended with 2');
    })(),
  );
  assert.is((await failure(store.put('a/x', dying))).message, 'pg_dump ended with 2');
  assert.ok(faults.asked.some(({ part, path }) => part === 2 && path.includes(settings.bucket)));
  await leavesNothing(settings);
});

test('an error that stays on one part ends the upload, and its parts are taken away', async () => {
  const { settings, store } = await badLine();
  faults.rule = ({ part }) => (part === 2 ? { answer: 500, code: 'InternalError' } : undefined);
  const error = await failure(store.put('a/x', body(20 * MiB)));
  assert.is(error.exit, 1);
  assert.match(error.message, 'a/x cannot be written to the store far: it answered InternalError 500');
  faults.rule = () => undefined;
  await leavesNothing(settings);
});

test('an error that passes, a cut connection and a changed byte on the way are made good', async () => {
  for (const fault of [{ answer: 503, code: 'SlowDown' }, { cutUpload: 3 * MiB }, 'flip'] as const) {
    const { settings, store } = await badLine();
    const whole = randomBytes(12 * MiB);
    let times = 0;
    faults.rule = ({ part }) => (part === 1 && ++times === 1 ? fault : undefined);
    const put = store.put('a/x', Readable.from(pieces(whole)));
    if (fault === 'flip') {
      // what was signed is not what came: refused, and not tried again
      assert.is((await failure(put)).exit, 1);
      await leavesNothing(settings);
    } else {
      await put;
      assert.is(times, 2);
      assert.ok((await buffer(await store.get('a/x'))).equals(whole));
    }
  }
});

test('a download that is cut off fails', async () => {
  const { store } = await badLine();
  await store.put('a/x', body(2 * MiB));
  faults.rule = ({ method }) => (method === 'GET' ? { cutDownload: MiB } : undefined);
  const error: unknown = await buffer(await store.get('a/x')).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof Error, 'half an object was given as a whole one');
});

test('an interrupted upload takes its parts away at once, also in the middle of a part', async () => {
  const stop = new AbortController();
  const settings = await fresh({ endpoint: faults.endpoint });
  const store = s3Store(settings, { environment, signal: stop.signal });
  faults.rule = ({ part }) => (part === 3 ? 'silence' : undefined);
  const put = store.put('a/x', body(40 * MiB));
  const error = failure(put);
  while (!faults.asked.some(({ part, path }) => part === 3 && path.includes(settings.bucket)))
    await new Promise(next => setTimeout(next, 20));
  const since = performance.now();
  stop.abort(new Failure(130, 'interrupted by SIGINT'));
  assert.is((await error).exit, 130);
  assert.ok(performance.now() - since < 5000);
  await leavesNothing(settings);
  assert.is((await failure(store.put('a/y', body(1)))).exit, 130);
});

test('what a killed upload left is swept, only below its prefix', async () => {
  const { settings, store } = await badLine();
  // without the right to take its parts away it leaves them, as a killed program does
  faults.rule = ({ method, part }) =>
    method === 'DELETE' ? { answer: 403, code: 'AccessDenied' } : part === 2 ? { answer: 400, code: 'Odd' } : undefined;
  for (const key of ['a/x', 'ab/x']) await failure(store.put(key, body(20 * MiB)));
  faults.rule = () => undefined;
  assert.equal((await swift.unfinished(settings.bucket)).toSorted(), ['a/x', 'ab/x']);
  assert.is(await store.sweep('a/'), 1);
  assert.equal(await swift.unfinished(settings.bucket), ['ab/x']);
  assert.is(await store.sweep(''), 1);
});

test('a store that keeps less than it took is found out', async () => {
  const { settings, store } = await badLine();
  let puts = 0;
  faults.rule = ({ method }) => (method === 'PUT' && ++puts ? { answer: 200, code: 'none' } : undefined);
  const error = await failure(store.put('a/x', body(1000)));
  assert.match(error.message, 'of 1000 bytes it says that it has none');
  await leavesNothing(settings);
});

test('the storage class goes with what is large enough for it, and one that the store has not is a fault of ops.yml', async () => {
  const { settings } = await badLine();
  const classes = async (key: string, bytes: number) => {
    const before = faults.asked.length;
    await s3Store({ ...settings, storageClass: 'STANDARD' }, around).put(key, body(bytes));
    const sent = faults.asked.slice(before).filter(({ method }) => method === 'PUT' || method === 'POST');
    return sent.map(({ storageClass, part }) => `${part ?? '-'} ${storageClass ?? 'none'}`);
  };
  assert.equal(await classes('manifest', 2000), ['- none']);
  assert.equal(await classes('small', 200_000), ['- STANDARD']);
  assert.equal((await classes('large', 9 * MiB)).toSorted(), ['- STANDARD', '- none', '1 none', '2 none']);

  const cold = s3Store({ ...settings, storageClass: 'STANDARD_IA' }, around);
  for (const bytes of [200_000, 9 * MiB]) {
    const refused = await failure(cold.put(`cold/${bytes}`, body(bytes)));
    assert.match(`${refused.exit} ${refused.message}`, /^3 .* has no storage class STANDARD_IA$/);
    assert.match(refused.advice ?? '', 'take storage_class out of ops.yml');
  }
  assert.equal(
    (await keys(settings)).filter(key => key.startsWith('cold/')),
    [],
  );
  assert.equal(await swift.unfinished(settings.bucket), []);
});

test('each wrong setting and each refusal says which, with its exit code and never a secret', async () => {
  const settings = await fresh();
  const say = async (more: Partial<S3Settings>, values: NodeJS.ProcessEnv = environment) => {
    const error = await failure(
      s3Store({ ...settings, ...more }, { ...around, environment: values }).put('a/x', body(10)),
    );
    const text = `${error.message}; ${error.advice ?? ''}; ${error.detail ?? ''}`;
    for (const secret of ['testing', 'wrong-secret', 'test:tester', 'nobody']) assert.not.match(text, secret);
    return `${error.exit} ${text}`;
  };
  assert.match(
    await say({}, { ...environment, S3_SECRET: 'wrong-secret' }),
    /^3 .*secret is wrong; look at S3_KEY and S3_SECRET/,
  );
  assert.match(await say({}, { ...environment, S3_KEY: 'nobody' }), /^3 .*secret is wrong/);
  assert.match(await say({}, { S3_KEY: 'x' }), /^3 the environment variable S3_SECRET is not set/);
  assert.match(await say({ bucket: 'none-such' }), /^3 .*has no bucket none-such/);
  assert.match(
    await say({ endpoint: 'http://127.0.0.1:9' }),
    /^4 .*http:\/\/127\.0\.0\.1:9 cannot be reached \(ECONNREFUSED\)/,
  );
  assert.match(await say({ endpoint: 'http://s3.invalid' }), /^4 .*cannot be reached/);

  const answered = async (answer: number, code: string) => {
    faults.rule = ({ method }) => (method === 'PUT' ? { answer, code } : undefined);
    return say({ endpoint: faults.endpoint });
  };
  assert.match(await answered(403, 'QuotaExceeded'), /^1 .*no space left/);
  assert.match(await answered(507, 'InsufficientStorage'), /^1 .*no space left/);
  assert.match(await answered(403, 'AccessDenied'), /^3 .*no right to do that/);
  assert.match(await answered(403, 'SignatureDoesNotMatch'), /^3 .*the key or its secret is wrong/);
  assert.match(await answered(400, 'AuthorizationHeaderMalformed'), /^3 .*is not in region us-east-1/);
  assert.match(await answered(411, 'MissingContentLength'), /^1 .*it answered MissingContentLength 411/);
  assert.match(await answered(501, 'NotImplemented'), /^1 .*it answered NotImplemented 501/);
});
test.run();
