// Probes as shell lines for the host, their answers read back, judged exactly and explained.
import type { Health, Probe } from '../config/target.ts';
import { Failure } from '../errors.ts';
import { lines, sh, type Command } from '../host/sh.ts';
import { sha7 } from '../release/names.ts';

/**
 * Waits on the host, in one round trip, until every probe is good. The shell sees expected JSON and headers as a cheap
 * necessary condition; judge() below has the last word. Needs alive and log_tail of the runtime.
 */
export function waitUntilReady(health: Health, sha: string): Command {
  return lines(
    ...health.probes.map(probe => sh`probe ${probe.name} ${probe.status} ${probe.url} ${conditions(probe, sha)}`),
    // bash counts in whole seconds
    sh`wait_until_ready ${Math.ceil(health.deadlineSeconds)} ${health.intervalSeconds}`,
  );
}

/** The same for a release that served before: its version is not asked, it only has to be ready. */
export function waitUntilServing(health: Health): Command {
  return waitUntilReady({ ...health, probes: health.probes.filter(probe => !asksVersion(probe)) }, '0'.repeat(40));
}

function conditions(probe: Probe, sha: string): string[] {
  const all = Object.entries(probe.json).map(([path, value]) => {
    const key = path.slice(path.lastIndexOf('.') + 1);
    return `"${escape(key)}" *: *${escape(JSON.stringify(expected(value, sha)))}`;
  });
  if (probe.header) all.push(`${escape(probe.header.name)}: *${escape(filled(probe.header.value, sha))}`);
  return all;
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function filled(text: string, sha: string): string {
  return text.replaceAll('{sha7}', sha7(sha)).replaceAll('{sha}', sha);
}

function expected(value: string | number | boolean, sha: string): string | number | boolean {
  return typeof value === 'string' ? filled(value, sha) : value;
}

function asksVersion(probe: Probe): boolean {
  return /\{sha7?\}/.test(JSON.stringify([probe.json, probe.header]));
}

type Seen = { name: string; status: number; head: string; body: string; why: string };
export type Answers = { probes: Seen[]; dead: string | undefined; log: string };

export function readAnswers(text: string): Answers {
  const answers: Answers = { probes: [], dead: undefined, log: '' };
  const decode = (field = '') => Buffer.from(field.replace(/\.$/, ''), 'base64').toString();
  for (const line of text.split('\n')) {
    const [kind, ...fields] = line.split(' ');
    if (kind === 'probe')
      answers.probes.push({
        name: fields[0] ?? '',
        status: Number(fields[1]),
        head: decode(fields[2]),
        body: decode(fields[3]),
        why: decode(fields[4]).trim(),
      });
    else if (kind === 'dead') answers.dead = decode(fields[0]).trim();
    else if (kind === 'log') answers.log = decode(fields[0]).trimEnd();
  }
  return answers;
}

/** Says 'again' when a probe that looked good to the shell is not: the wait goes on until `until` (epoch ms). */
export function judge(health: Health, sha: string, until: number): (answer: string) => undefined | 'again' {
  return text => {
    const { probes } = readAnswers(text);
    for (const probe of health.probes) {
      const seen = probes.find(one => one.name === probe.name);
      const wrong = seen ? mismatch(probe, seen, sha) : 'did not answer';
      if (!wrong) continue;
      if (Date.now() < until) return 'again';
      throw new Failure(1, `${probe.name}: ${probe.url} ${wrong}`);
    }
    return undefined;
  };
}

/** What is wrong with an answer, as the end of a sentence that begins with the URL; undefined: nothing. */
export function mismatch(probe: Probe, seen: Seen, sha: string): string | undefined {
  const { status, head, body, why } = seen;
  if (status === 0) return why.replace(/^curl: \(\d+\) /, '') || 'did not answer';
  if (status !== probe.status) {
    const location = /^location: *(.*)$/im.exec(head)?.[1]?.trim();
    if (location) return `answers ${status}, a redirect to ${location}`;
    const reason = reasonIn(body);
    return `answers ${status}${reason ? `: ${reason}` : ''}${hint(status)}`;
  }
  if (probe.header) {
    const value = new RegExp(`^${escape(probe.header.name)}: *(.*)$`, 'im').exec(head)?.[1]?.trim();
    const want = filled(probe.header.value, sha);
    if (value !== want)
      return `has ${probe.header.name} ${value ? JSON.stringify(value) : 'missing'}, expected ${want}`;
  }
  const keys = Object.entries(probe.json);
  if (keys.length === 0) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return `answers ${status} with something that is no JSON`;
  }
  for (const [path, raw] of keys) {
    const want = expected(raw, sha);
    const found = path.split('.').reduce<unknown>((at, key) => (isRecord(at) ? at[key] : undefined), json);
    if (found !== want) return `says ${path}: ${JSON.stringify(found) ?? 'nothing'}, expected ${JSON.stringify(want)}`;
  }
  return undefined;
}

function hint(status: number): string {
  if (status === 404) return ' (nothing at this path: is the path or the port of the probe right?)';
  if (status === 403 || status === 400) return ' (does the app refuse this Host header?)';
  return '';
}

function reasonIn(body: string): string {
  try {
    const json: unknown = JSON.parse(body);
    if (isRecord(json)) {
      const said = json.reason ?? json.error ?? json.message ?? json.status;
      if (typeof said === 'string') return said.slice(0, 200);
      return JSON.stringify(json).slice(0, 200);
    }
  } catch {
    // not JSON: the first line of text will do
  }
  return (
    body
      .trim()
      .split('\n')[0]
      ?.replace(/<[^>]*>/g, '')
      .slice(0, 200) ?? ''
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Why the wait ended without a ready release, for a person: one sentence, then the log's tail. */
export function explain(health: Health, sha: string, code: number, text: string): { message: string; detail: string } {
  const answers = readAnswers(text);
  const detail = answers.log ? `the last lines of its log:\n${answers.log}` : 'it wrote nothing to its log';
  if (code === 71)
    return { message: `${sha7(sha)} ended right after its start: ${answers.dead ?? 'nobody saw how'}`, detail };
  const wrong = health.probes.flatMap(probe => {
    const seen = answers.probes.find(one => one.name === probe.name);
    const what = seen ? mismatch(probe, seen, sha) : 'did not answer';
    return what ? [`${probe.name}: ${probe.url} ${what}`] : [];
  });
  return {
    message: `${sha7(sha)} was not ready after ${health.deadlineSeconds} s: ${wrong.join('; ') || 'no probe is good'}`,
    detail,
  };
}
