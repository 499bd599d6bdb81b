// Tries an image out: starts a container of it, waits until it is ready, sees it stay so, and removes it in any case.
import { setTimeout as pause } from 'node:timers/promises';
import { Failure, messageOf } from '../errors.ts';
import { mismatch, type Seen } from '../health/mismatch.ts';
import { isRecord } from '../record.ts';
import { sha7 } from '../release/release.ts';
import type { Say } from '../report/items.ts';
import type { Smoke } from '../target/build-settings.ts';
import type { Docker } from './programs.ts';
import { smokeLabel, smokeWords } from './words.ts';

type Tried = { image: string; name: string; sha: string; smoke: Smoke };
type Around = { docker: Docker; signal: AbortSignal; say: Say; masked: (text: string) => string };

/** How long it must go on after it was ready. */
const staysSeconds = 2;
const answersWithin = 5000;

/** @throws Failure 1 with the container's last lines when it is not ready in time or does not stay so */
export async function smokeTest(
  { image, name, sha, smoke }: Tried,
  { docker, signal, say, masked }: Around,
): Promise<void> {
  await removeStale(docker);
  const container = `bookops-smoke-${name}-${sha7(sha)}-${Math.random().toString(36).slice(2, 8)}`;
  const remove = () => docker(['rm', '--force', '--volumes', container], { always: true });
  // an interrupted task has little time left, and docker goes on with it alone
  const atOnce = () => void remove().catch(() => {});
  signal.addEventListener('abort', atOnce, { once: true });
  try {
    const until = Math.ceil(Date.now() / 1000) + smoke.seconds + 600;
    const started = await docker(smokeWords(image, smoke, { name: container, until }));
    if (started.code !== 0) throw failed(name, 'does not start', started.lines.slice(-5));
    const look = await looker(docker, container, { smoke, sha });
    const wrong = (await untilReady(look, smoke, signal)) ?? (await whileItStays(look, signal));
    if (wrong) {
      const { lines } = await docker(['logs', '--tail', '20', container], { masked });
      throw failed(name, masked(wrong), lines.slice(-20));
    }
    say(
      smoke.port === undefined ? 'it is ready and goes on running' : `it answers at ${smoke.path} and goes on running`,
    );
  } finally {
    signal.removeEventListener('abort', atOnce);
    await remove();
  }
}

function failed(name: string, what: string, lines: string[]): Failure {
  return new Failure(1, `${name} did not pass its smoke test, so nothing was pushed: it ${what}`, {
    detail: lines.length ? `its last lines:\n${lines.join('\n')}` : 'it printed nothing',
    advice: 'correct the app, or what smoke: in ops.yml gives and expects (port, path, env, seconds)',
  });
}

/** What a look found: nothing wrong, something that may yet become right, or something that will not. */
type Look = { wrong: string | undefined; isOver: boolean };

async function untilReady(
  look: () => Promise<Look>,
  { seconds }: Smoke,
  signal: AbortSignal,
): Promise<string | undefined> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const { wrong, isOver } = await look();
    if (!wrong || isOver) return wrong;
    if (performance.now() > end) return `was not ready after ${seconds} s: ${wrong}`;
    await pause(250, undefined, { signal });
  }
}

async function whileItStays(look: () => Promise<Look>, signal: AbortSignal): Promise<string | undefined> {
  await pause(staysSeconds * 1000, undefined, { signal });
  const { wrong } = await look();
  return wrong && `was ready, and ${staysSeconds} s later it ${wrong.replace(/^it /, '')}`;
}

async function looker(docker: Docker, container: string, { smoke, sha }: Pick<Tried, 'smoke' | 'sha'>) {
  let url: string | undefined;
  return async (): Promise<Look> => {
    const state = await stateOf(docker, container);
    if (state['Running'] !== true)
      return { wrong: `ended with code ${String(state['ExitCode'])}${state['OOMKilled'] === true ? ' (out of memory)' : ''}`, isOver: true }; // prettier-ignore
    if (smoke.port === undefined) return healthOf(state);
    url ??= await urlOf(docker, container, smoke);
    const { status, json } = smoke;
    const wrong = mismatch({ name: 'smoke', url, status, json, header: undefined }, await seenAt(url), sha);
    return { wrong: wrong && `${url} ${wrong}`, isOver: false };
  };
}

async function stateOf(docker: Docker, container: string): Promise<Record<string, unknown>> {
  const { code, stdout, lines } = await docker(['inspect', '--format', '{{json .State}}', container]);
  const state: unknown = code === 0 ? JSON.parse(stdout) : undefined;
  if (!isRecord(state)) throw new Failure(1, `docker cannot say how ${container} is`, { detail: lines.slice(-3).join('\n') }); // prettier-ignore
  return state;
}

/** By the image's own health check; without one, running is all there is to see. */
function healthOf({ Health: health }: Record<string, unknown>): Look {
  if (!isRecord(health) || health['Status'] === 'healthy') return { wrong: undefined, isOver: false };
  const log = Array.isArray(health['Log']) ? health['Log'] : [];
  const last: unknown = log.at(-1);
  const output = isRecord(last) && typeof last['Output'] === 'string' ? last['Output'].trim().slice(0, 300) : '';
  return {
    wrong: `is ${String(health['Status'])} by its health check${output && `: ${output}`}`,
    isOver: health['Status'] === 'unhealthy',
  };
}

async function urlOf(docker: Docker, container: string, { port, path }: Smoke): Promise<string> {
  const { code, stdout, lines } = await docker(['port', container, `${port}/tcp`]);
  const at = /^127\.0\.0\.1:(\d+)$/m.exec(stdout)?.[1];
  if (code !== 0 || !at) throw new Failure(1, `docker does not say where port ${port} of ${container} is`, { detail: lines.slice(-3).join('\n') }); // prettier-ignore
  return `http://127.0.0.1:${at}${path}`;
}

async function seenAt(url: string): Promise<Seen> {
  const nothing = { name: 'smoke', status: 0, head: '', body: '' };
  try {
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(answersWithin),
    });
    const head = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    return { name: 'smoke', status: answer.status, head, body: (await answer.text()).slice(0, 65_536), why: '' };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { ...nothing, why: `does not answer (${messageOf(cause)})` };
  }
}

/** Containers of a run that was killed before it could remove them. */
async function removeStale(docker: Docker): Promise<void> {
  const words = ['ps', '--all', '--filter', `label=${smokeLabel}`, '--format', `{{.ID}} {{.Label "${smokeLabel}"}}`];
  const { stdout } = await docker(words);
  const old = stdout.split('\n').flatMap(line => {
    const [id = '', until] = line.split(' ');
    return id && Number(until) < Date.now() / 1000 ? [id] : [];
  });
  if (old.length) await docker(['rm', '--force', '--volumes', ...old]);
}
