// The protocol with an open keeper: sends it steps ahead of time, and reports how they ended.
import { pipeline } from 'node:stream/promises';
import { taskCommand } from '../../target/command.ts';
import { Failure, messageOf } from '../../errors.ts';
import type { Step } from '../step.ts';
import type { Channel, Host } from '../../host/host.ts';
import type { Attempt, Happening, Keeper, Outcome } from './keeper.ts';
import { DeferredMap, Deferred } from './deferred-promises.ts';
import { sh } from '../../host/sh.ts';
import { StepOutput } from './step-output.ts';
import { StepFailed } from './step-failed.ts';

/** Characters of one line; the longest of the protocol brings what a step answered. */
const mostOfLine = 16_000_000;
const BEAT_MS = 2000;
/** The keeper says that it lives as often as we do: so many beats without a byte of it, and it is given up. */
const SILENT_BEATS = 10;

/** Resolves when the keeper has the lock and is ready for steps. @throws Failure as openKeeper does */
export async function runProtocol(
  host: Host,
  attempt: Attempt,
  channel: Channel,
  nonce: string,
  hear: (happening: Happening) => void,
): Promise<Keeper> {
  let silent = 0;
  // beats are counted, not time: a laptop that slept may find its keeper well
  const beat = setInterval(() => {
    channel.input.write('beat\n');
    if (++silent <= SILENT_BEATS) return;
    over(new Failure(4, `no heartbeat from the keeper on ${host.name} for ${(SILENT_BEATS * BEAT_MS) / 1000} s`));
    channel.drop();
  }, BEAT_MS);
  const ready = new Deferred<string>();
  const end = new Deferred<Outcome>();
  const done = new DeferredMap<void>();
  const finished = new DeferredMap<boolean>();
  const undone = new DeferredMap<boolean>();
  const undoing = new DeferredMap<number | undefined>();
  const recorded = new Deferred<void>();
  let undosSeen = 0;
  let settled: string | undefined;
  let steps: Step[] = [];
  let sent = 0;
  let judged = 0;
  let failed = false;
  /** We asked for the end. */
  let ending = false;
  let fed = Promise.resolve();
  /** What is undone from here on is ours. */
  let isReady = false;
  const spoken = new StepOutput();
  let errors = '';

  const send = (line: string) => channel.input.write(`${line}\n`);
  const words = (index: number, step: Step) =>
    [
      index,
      Math.ceil(step.seconds ?? 600),
      pack(step.title),
      pack(step.undo?.text),
      pack(step.run.text),
      step.stream ? 'stream' : pack(typeof step.input === 'object' ? step.input.reveal() : step.input),
    ].join(' ');

  /** Sends ahead up to a step whose answer has to be checked before the next may begin. */
  function sendAhead(): void {
    for (; sent < steps.length && !failed; sent++) {
      const step = steps[sent];
      if (!step) return;
      if (sent > judged && steps.slice(judged, sent).some(one => (one.accept || one.stream) && !one.skip)) return;
      if (step.skip) {
        spoken.skip(ofStep(sent));
        done.settle(sent, undefined);
        if (judged === sent) judged++;
      } else send(`step ${words(sent, step)}`);
    }
  }

  function stepDone(index: number, code: number, answer: string): void {
    const step = steps[index];
    if (!step) return;
    if (code !== 0) {
      failed = true;
      spoken.end(ofStep(index));
      const text = code === 124 || answer.startsWith('the way back') ? answer : '';
      done.fail(index, new StepFailed(step.title, code, answer, text || `exited with ${code}`));
      return;
    }
    try {
      if (step.accept?.(answer) === 'again') {
        send(`again ${words(index, step)}`);
        return;
      }
    } catch (error) {
      failed = true;
      spoken.end(ofStep(index));
      done.fail(index, error);
      return;
    }
    spoken.end(ofStep(index));
    judged = index + 1;
    while (steps[judged]?.skip) judged++;
    done.settle(index, undefined);
    sendAhead();
  }

  function event(whole: string): void {
    if (!whole.endsWith(' .')) return; // a full disk truncated it, and it is sent again
    const line = whole.slice(0, -2);
    const [verb = '', one = '', two = '', three = ''] = line.split(' ');
    if (verb === 'ready') {
      isReady = true;
      ready.settle(line.slice('ready '.length));
    } else if (verb === 'waiting') hear({ kind: 'waiting', text: unpack(one.slice(0, -1)) });
    else if (verb === 'held') ready.fail(locked(unpack(one.slice(0, -1)), attempt));
    else if (verb === 'refused')
      ready.fail(
        new Failure(1, `${host.name}: ${unpack(one)}`, {
          detail: spoken.unheard().join('\n'),
          advice:
            unpack(two) ||
            `look at ${attempt.releases} on ${host.where}: it must belong to the deploy user, on a disk with room`,
        }),
      );
    else if (verb === 'settling') {
      settled = unpack(one);
      hear({ kind: 'settling', text: settled });
    } else if (verb === 'done') {
      const [index, code, answer] = [Number(one), Number(two), unpack(three)];
      // what reads a stream that broke sees only its end
      if (steps[index]?.stream && code === 0) void fed.then(() => failed || stepDone(index, code, answer));
      else stepDone(index, code, answer);
    } else if (verb === 'next') spoken.end(ofStep(Number(one)));
    else if (verb === 'stream') fed = feed(Number(one), unpack(two));
    else if (verb === 'recorded') recorded.settle();
    else if (verb === 'undoing') {
      if (isReady) spoken.end(`before the undo of ${one}`);
      undoing.settle(undosSeen++, Number(one));
    } else if (verb === 'undone') {
      if (isReady) spoken.end(ofUndo(Number(one)));
      undone.settle(Number(one), two === '0');
    } else if (verb === 'finished') {
      spoken.end(ofFinish(Number(one)));
      finished.settle(Number(one), two === '0');
    } else if (verb === 'settled' && one === 'stuck')
      ready.fail(stuckLeftover(host, attempt, settled, spoken.unheard()));
    else if (verb === 'ended') {
      if (one === 'stuck')
        recorded.fail(
          new Failure(6, 'the release could not be recorded: is the disk full?', {
            ...(attempt.recover && { advice: attempt.recover }),
          }),
        );
      undoing.settle(undosSeen, undefined);
      end.settle(outcomeOf(one));
      // it could not go on, or did not hear us
      if (!ending)
        over(
          new Failure(one === 'stuck' ? 6 : 4, `${host.name} ended the attempt by itself (${one}): ${unpack(two)}`, {
            ...(one === 'stuck' && attempt.recover && { advice: attempt.recover }),
          }),
        );
    }
  }

  async function feed(index: number, fifo: string): Promise<void> {
    const source = steps[index]?.stream?.();
    if (!source) return;
    // a source that is not read to its end must not keep anything open
    const over = done.of(index).then(
      () => {},
      () => void source.destroy(),
    );
    try {
      const channel = await host.open(sh`exec cat >${fifo}`);
      channel.output.resume();
      channel.errors.resume();
      channel.ended.catch(() => {});
      void over.then(() => channel.input.destroy());
      await pipeline(source, channel.input);
    } catch (error) {
      failed = true;
      done.fail(index, new Failure(1, `sending failed: ${messageOf(error)}`));
    }
  }

  // Output of steps and lines of the protocol share one stream; only the latter begin with the nonce.
  let rest = '';
  channel.output.setEncoding('utf8');
  channel.output.on('data', (text: string) => {
    silent = 0;
    rest += text;
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    // what never ends its line is no line of ours, and nobody reads so much of it
    if (rest.length > mostOfLine) {
      if (!rest.startsWith(`${nonce} `)) spoken.say(rest.slice(0, 1000));
      else channel.drop();
      rest = '';
    }
    for (const [at, part] of parts.entries()) {
      if (part.startsWith(`${nonce} `)) event(part.slice(nonce.length + 1));
      else if (part || !(parts[at + 1] ?? rest).startsWith(nonce)) spoken.say(part);
    }
  });
  channel.errors.setEncoding('utf8');
  channel.errors.on('data', (text: string) => (errors = (errors + text).slice(-2000)));
  const over = (error: unknown) => {
    clearInterval(beat);
    for (const waiting of [ready, end, recorded]) waiting.fail(error);
    done.failAll(error);
    finished.failAll(error);
    undone.failAll(error);
    undoing.failAll(error);
  };
  channel.ended.then(
    ({ code }) =>
      setTimeout(
        // nothing has been undone yet: the next keeper does it
        () =>
          over(
            new Failure(6, `the keeper on ${host.name} was killed (exited with ${code})`, { detail: errors.trim() }),
          ),
        200,
      ),
    over,
  );

  const stamp = await ready.promise.catch((error: unknown) => {
    clearInterval(beat);
    channel.input.end();
    throw error;
  });

  return {
    stamp,
    settled,
    begin(given, finish) {
      steps = given;
      for (const [index, step] of finish.entries())
        send(
          `finish ${index} ${Math.ceil(step.seconds ?? 300)} ${pack(step.title)} ${pack(step.run.text)} ${step.closesWindow ? 'first' : 'after'}`,
        );
      sendAhead();
    },
    done: (index, say) => spoken.hear(ofStep(index), say, done.of(index)),
    commit(current, previous, more) {
      ending = true;
      send(`commit ${current} ${previous ?? '-'} ${pack(more)}`);
    },
    finished: (index, say) => spoken.hear(ofFinish(index), say, finished.of(index)),
    abort(outcome, reason) {
      failed = true;
      ending = true;
      send(`abort ${outcome} ${pack(reason)}`);
    },
    async *undos() {
      for (let seen = 0; ; seen++) {
        const index = await undoing.of(seen);
        if (index === undefined) return;
        const done = undone.of(index);
        yield { index, done, hear: say => spoken.hear(ofUndo(index), say, done) };
      }
    },
    recorded: () => recorded.promise,
    async ended() {
      try {
        return await end.promise;
      } finally {
        clearInterval(beat);
        channel.input.end();
      }
    },
    async quit() {
      ending = true;
      send('quit');
      await end.promise;
      clearInterval(beat);
      channel.input.end();
    },
  };
}

const ofStep = (index: number) => `step ${index}`;
const ofUndo = (index: number) => `undo of step ${index}`;
const ofFinish = (index: number) => `finishing step ${index}`;

function locked(holder: string, attempt: Attempt): Failure {
  const said = Object.fromEntries(
    [...holder.matchAll(/(\w+)=(?:"([^"]*)"|(\S*))/g)].map(([, key, quoted, bare]) => [key, quoted ?? bare]),
  );
  const who = said.by ?? 'another run';
  const what = said.action ? ` (${said.action}${said.sha ? ` of ${said.sha.slice(0, 7)}` : ''})` : '';
  const since = said.since ? ` since ${said.since}` : '';
  const step = said.step ? `, at the step “${said.step}”` : '';
  return new Failure(5, `${who} holds the lock of ${attempt.releases}${what}${since}${step}`, {
    advice: 'try again later, or wait for your turn with --wait 5m',
  });
}

function stuckLeftover(host: Host, attempt: Attempt, settled: string | undefined, seen: readonly string[]): Failure {
  return new Failure(6, `an earlier run stopped midway on ${host.name} and cannot be undone: ${settled ?? 'unknown'}`, {
    detail: seen.filter(Boolean).slice(-12).join('\n'),
    advice: `${attempt.recover ?? taskCommand('recover')} --plan shows what is left, beside what is true now; repair what the lines above name, then the same without --plan`,
  });
}

function outcomeOf(word: string): Outcome {
  const known: Outcome[] = ['live', 'failed', 'reverted', 'aborted', 'lost', 'stuck', 'quiet'];
  return known.find(one => one === word) ?? 'stuck';
}

function pack(text: string | undefined): string {
  return text === undefined || text === '' ? '-' : Buffer.from(text).toString('base64');
}

function unpack(field: string): string {
  return Buffer.from(field, 'base64').toString();
}
