// Probes as shell lines for the host; their answers are read back, compared exactly and explained.
import { readFileSync } from 'node:fs';
import type { Probe, Health } from '../target/health-settings.ts';
import { Failure } from '../errors.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import { sha7 } from '../release/release.ts';
import { escape, expected, filled, isShort } from './expected-value.ts';
import { mismatch, type Seen } from './mismatch.ts';

/** What the texts below need besides the functions of steps. */
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
    // an entry of a list has no key
    return `body:${/^\d+$/.test(key) ? '' : `${escape(key)}"[[:space:]]*:[[:space:]]*`}${wanted}`;
  });
  if (probe.header)
    all.push(`head:${escape(probe.header.name)}:[[:space:]]*${escape(filled(probe.header.value, sha).trim())}`);
  return isShort(sha) ? all.map(text => text.replaceAll(sha, `${sha}[0-9a-f]*`)) : all;
}

export function asksVersion(probe: Probe): boolean {
  return /\{sha7?\}/.test(JSON.stringify([probe.json, probe.header]));
}

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
