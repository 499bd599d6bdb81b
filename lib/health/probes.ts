// Probes as shell lines for the host, their answers read back, judged exactly and explained.
import { readFileSync } from 'node:fs';
import type { Probe, Health } from '../target/health-settings.ts';
import { Failure } from '../errors.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import { sha7 } from '../release/release.ts';

/** What the texts below need besides the prelude. */
export const readyWords: Command = script(readFileSync(new URL('./ready.sh', import.meta.url), 'utf8'));

/** What is asked of a release; `passed`: the probes that it passed when it went live, which do as well. */
export type AskedHealth = Health & { passed?: readonly Probe[] };

/**
 * Waits on the host, in one round trip, until every probe is good. The shell sees expected JSON and headers as a cheap
 * necessary condition; judgeProbes() below has the last word. Needs alive and log_tail of the runtime.
 */
export function waitUntilReady(asked: AskedHealth, sha: string): Command {
  const name = asked.probes.map(probe => probe.name.replaceAll(/\W/g, '-')).join('+');
  return lines(
    readyWords,
    probeLines(asked.probes, sha),
    asked.passed?.length ? probeLines(asked.passed, sha, 'passed') : undefined,
    // bash counts in whole seconds
    sh`wait_until_ready ${Math.ceil(asked.deadlineSeconds)} ${asked.intervalSeconds} ${name || 'nothing'}`,
  );
}

/** The probes as the shell asks them; those of one set have to be good together. */
export function probeLines(probes: readonly Probe[], sha: string, set = 'today'): Command {
  return lines(
    ...probes.map(
      probe => sh`probe ${set} ${shownName(probe, set)} ${probe.status} ${probe.url} ${conditions(probe, sha)}`,
    ),
  );
}

function shownName({ name }: Probe, set: string): string {
  return set === 'today' ? name : `${set}:${name}`;
}

/** Regular expressions that an answer without any backslash fits whenever it is good. */
function conditions(probe: Probe, sha: string): string[] {
  const all = Object.entries(probe.json).map(([path, raw]) => {
    const value = expected(raw, sha);
    // 1, 1.0 and 1e0 are the same number
    const wanted = typeof value === 'number' ? '-?[0-9]' : escape(JSON.stringify(value));
    const key = path.slice(path.lastIndexOf('.') + 1);
    // what stands in a list has no key
    return `body:${/^\d+$/.test(key) ? '' : `${escape(key)}"[[:space:]]*:[[:space:]]*`}${wanted}`;
  });
  if (probe.header)
    all.push(`head:${escape(probe.header.name)}:[[:space:]]*${escape(filled(probe.header.value, sha).trim())}`);
  return isShort(sha) ? all.map(text => text.replaceAll(sha, `${sha}[0-9a-f]*`)) : all;
}

/** Folders that other tools left know the first digits of their commit only. */
function isShort(sha: string): boolean {
  return sha.length < 40;
}

/** Whether a value is the expected one. Of a commit that is known by its first digits only, these have to be right. */
function isAs(found: unknown, raw: string | number | boolean, sha: string): boolean {
  if (found === expected(raw, sha)) return true;
  if (typeof raw !== 'string' || typeof found !== 'string' || !isShort(sha)) return false;
  const pattern = raw.split('{sha}').map(part => escape(filled(part, sha)));
  return new RegExp(`^${pattern.join(`${sha}[0-9a-f]*`)}$`).test(found);
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

export function asksVersion(probe: Probe): boolean {
  return /\{sha7?\}/.test(JSON.stringify([probe.json, probe.header]));
}

/** Letters of a body that the host sends. */
const most = 65_536;

type Seen = { name: string; status: number; head: string; body: string; why: string };
export type Answers = {
  probes: Seen[];
  dead: string | undefined;
  log: string;
  /** The deadline was over when they were asked. */
  over: boolean;
};

export function readAnswers(text: string): Answers {
  const answers: Answers = { probes: [], dead: undefined, log: '', over: false };
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
    else if (kind === 'over') answers.over = true;
    else if (kind === 'log') answers.log = decode(fields[0]).trimEnd();
  }
  return answers;
}

/**
 * Says 'again' when what looked good to the shell is not. The host counts the deadline, from the first look on, and says
 * when it is over; it is counted here too, as its clock is not ours.
 */
export function judgeProbes(asked: AskedHealth, sha: string): (answer: string) => undefined | 'again' {
  let until: number | undefined;
  return text => {
    const answers = readAnswers(text);
    if (!wrongIn(asked.probes, sha, answers).length) return undefined;
    if (asked.passed?.length && !wrongIn(asked.passed, sha, answers, 'passed').length) return undefined;
    until ??= Date.now() + 1000 * asked.deadlineSeconds;
    if (!answers.over && Date.now() < until) return 'again';
    const { message, detail } = explainProbes(asked, sha, 70, text);
    throw new Failure(1, message, { detail });
  };
}

/** `name: URL what is wrong` for each probe that is not good. */
function wrongIn(probes: readonly Probe[], sha: string, answers: Answers, set = 'today'): string[] {
  return probes.flatMap(probe => {
    const seen = answers.probes.find(one => one.name === shownName(probe, set));
    const what = seen ? mismatch(probe, seen, sha) : 'did not answer';
    return what ? [`${probe.name}: ${probe.url} ${what}`] : [];
  });
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
    const want = filled(probe.header.value, sha).trim();
    if (!isAs(value, probe.header.value.trim(), sha))
      return `has ${probe.header.name} ${value ? JSON.stringify(value) : 'missing'}, expected ${want}`;
  }
  const keys = Object.entries(probe.json);
  if (keys.length === 0) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    if (body.length >= most)
      return `answers ${status} with more than ${most / 1024} kB, too much for a probe with json`;
    return `answers ${status} with something that is not JSON`;
  }
  for (const [path, raw] of keys) {
    const want = expected(raw, sha);
    const found = valueAt(json, path);
    if (!isAs(found, raw, sha))
      return `says ${path}: ${JSON.stringify(found) ?? 'nothing'}, expected ${JSON.stringify(want)}`;
  }
  return undefined;
}

/** Follows keys and places in lists, `checks.0.ok`; a key may have dots itself. */
function valueAt(json: unknown, path: string): unknown {
  if (typeof json !== 'object' || json === null) return undefined;
  const own = new Map(Object.entries(json));
  if (own.has(path)) return own.get(path);
  for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
    const found = valueAt(own.get(path.slice(0, dot)), path.slice(dot + 1));
    if (found !== undefined) return found;
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
export function explainProbes(
  asked: AskedHealth,
  sha: string,
  code: number,
  text: string,
): { message: string; detail: string } {
  const answers = readAnswers(text);
  const detail = answers.log ? `the last lines of its log:\n${answers.log}` : 'it wrote nothing to its log';
  if (code === 71)
    return { message: `${sha7(sha)} exited right after its start: ${answers.dead ?? 'nobody saw why'}`, detail };
  const wrong = wrongIn(asked.probes, sha, answers).join('; ') || 'no probe is good';
  const before = asked.passed?.length ? wrongIn(asked.passed, sha, answers, 'passed').join('; ') : '';
  return {
    message: `${sha7(sha)} was not ready after ${asked.deadlineSeconds} s: ${wrong}${before ? `; nor by what it passed when it went live: ${before}` : ''}`,
    detail,
  };
}
