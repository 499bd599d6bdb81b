// What counts as a regression after a deploy, and the numbers that an access log gives.
import { execFileSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { accessLog, readTraffic, regression, trafficQuestion } from '../../../lib/proxy/access-log.ts';
import { sample } from '../../support/target/targets.ts';

const target = sample();

test('a few errors on a busy site are no regression, many are, and some on a site that had none are', () => {
  const calm = { requests: 1000, errors: 2, slow: 0.1 };
  assert.is(regression(calm, { requests: 1000, errors: 5, slow: 0.1 }), undefined);
  assert.match(
    regression(calm, { requests: 1000, errors: 40, slow: 0.1 }) ?? '',
    '40 of 1000 answers were errors (4.0 %; before: 0.2 %)',
  );
  assert.match(
    regression({ requests: 50, errors: 0, slow: 0.1 }, { requests: 40, errors: 3, slow: 0.1 }) ?? '',
    '3 of 40',
  );
  assert.is(regression({ requests: 0, errors: 0, slow: 0 }, { requests: 2, errors: 2, slow: 0.1 }), undefined);
});

test('slower answers are a regression when both stretches had enough of them', () => {
  const quick = { requests: 100, errors: 0, slow: 0.1 };
  assert.is(regression(quick, { requests: 100, errors: 0, slow: 0.39 }), undefined);
  assert.match(regression(quick, { requests: 100, errors: 0, slow: 0.9 }) ?? '', 'p95 rose to 0.90 s (before: 0.10 s)');
  assert.is(regression(quick, { requests: 5, errors: 0, slow: 9 }), undefined);
  assert.is(regression({ ...quick, requests: 3 }, { requests: 100, errors: 0, slow: 9 }), undefined);
});

const row = (at: string, status: number, seconds: string, agent = 'curl') =>
  `203.0.113.4 - - [21/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" ${status} 12 "-" "${agent}" host=book.test at=${at} seconds=${seconds} upstream="127.0.0.1:4000" upstream_status="200" upstream_seconds="0.001"`;

/** What a host with such a log answers. */
function counted(rows: string, stretches: { from: number; to: number }[]) {
  const text = trafficQuestion(target, stretches).text.replaceAll(accessLog(target), '"$log"');
  const whole = `log=$(mktemp); cat >"$log"; ${text.replaceAll('\'"$log"\'', '"$log"')}\nrm "$log"`;
  return readTraffic(target, execFileSync('bash', ['-c', whole], { input: rows }).toString());
}

test('a request counts when it began: an upload that found maintenance says nothing of the version behind it', () => {
  const rows = [row('1009.900', 200, '0.100'), row('1010.700', 503, '0.800'), row('1010.700', 200, '0.600')].join('\n');
  assert.equal(
    counted(rows, [
      { from: 1000, to: 1010 },
      { from: 1010, to: 1020 },
    ]),
    [
      { requests: 2, errors: 1, slow: 0.8 },
      { requests: 1, errors: 0, slow: 0.6 },
    ],
  );
});

test('the host counts per stretch of time, and lines of another form do not disturb it', () => {
  const rows = [
    ...Array.from({ length: 100 }, (_, at) => row(`${1000 + at / 10}.000`, 200, `0.${String(at).padStart(3, '0')}`)),
    row('1003.500', 502, '0.001', 'at=1.0 seconds=99.0 \\x22 500'),
    'this is no line of ours',
    row('1019.000', 500, '7.000'),
  ].join('\n');
  const stretches = [
    { from: 1000, to: 1010 },
    { from: 1010, to: 1020 },
    { from: 1020, to: 1030 },
  ];
  assert.equal(counted(rows, stretches), [
    { requests: 101, errors: 1, slow: 0.094 },
    { requests: 1, errors: 1, slow: 7 },
    { requests: 0, errors: 0, slow: 0 },
  ]);
});

test('a log that may not be read is said, with the line to type', () => {
  assert.throws(() => readTraffic(target, 'unreadable\n'), /cannot be read/);
});
test.run();
