// The steps of a plan on their way to the keeper: sent ahead of their turn, fed, and judged by what they answered.
import { pipeline } from 'node:stream/promises';
import { Failure, messageOf } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { sh } from '../../host/sh.ts';
import type { Step } from '../step.ts';
import { DeferredMap } from './deferred-promises.ts';
import { StepFailed } from './failures.ts';
import type { StepOutput } from './step-output.ts';
import { pack } from './wire.ts';

export const ofStep = (index: number) => `step ${index}`;

export function stepQueue(host: Host, send: (...fields: (string | number)[]) => void, spoken: StepOutput) {
  const done = new DeferredMap<void>();
  let steps: readonly Step[] = [];
  let sent = 0;
  let judged = 0;
  let failed = false;
  let fed = Promise.resolve();

  const sendStep = (verb: 'step' | 'again', index: number, { title, seconds, undo, run, input, stream }: Step) => {
    const read = stream ? 'stream' : pack(typeof input === 'object' ? input.reveal() : input);
    send(verb, index, Math.ceil(seconds ?? 600), pack(title), pack(undo?.text), pack(run.text), read);
  };

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
      } else sendStep('step', sent, step);
    }
  }

  function judge(index: number, code: number, answer: string): void {
    const step = steps[index];
    if (!step) return;
    try {
      if (code !== 0) {
        const text = code === 124 || answer.startsWith('the way back') ? answer : '';
        throw new StepFailed(step.title, code, answer, text || `exited with ${code}`);
      }
      if (step.accept?.(answer) === 'again') return sendStep('again', index, step);
    } catch (error) {
      failed = true;
      spoken.end(ofStep(index));
      return done.failAt(index, error);
    }
    spoken.end(ofStep(index));
    judged = index + 1;
    while (steps[judged]?.skip) judged++;
    done.settle(index, undefined);
    sendAhead();
  }

  async function feedInto(index: number, fifo: string): Promise<void> {
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
      done.failAt(index, new Failure(1, `sending failed: ${messageOf(error)}`));
    }
  }

  return {
    /** Resolves or fails by step. */
    done,
    begin(given: readonly Step[]) {
      steps = given;
      sendAhead();
    },
    /** Nothing more is sent. */
    stop: () => void (failed = true),
    /** The keeper reads the step's stream from `fifo`. */
    feed: (index: number, fifo: string) => void (fed = feedInto(index, fifo)),
    /** A step ended with `code`, and wrote `answer` to descriptor 3. */
    ended(index: number, code: number, answer: string) {
      // what reads a stream that broke sees only its end
      if (steps[index]?.stream && code === 0) void fed.then(() => failed || judge(index, code, answer));
      else judge(index, code, answer);
    },
  };
}
