// The protocol with an open keeper: what it is told and asked, and what becomes of each of its answers.
import { Failure } from '../../errors.ts';
import type { Channel, Host } from '../../host/host.ts';
import type { Say } from '../../report/items.ts';
import type { Finish, Step } from '../step.ts';
import { Deferred, DeferredMap } from './deferred-promises.ts';
import { locked, stuckLeftover } from './failures.ts';
import { outcomes, type Attempt, type Happening, type Outcome } from './keeper.ts';
import { StepOutput } from './step-output.ts';
import { ofStep, stepQueue } from './step-queue.ts';
import { openWire, pack, unpack } from './wire.ts';

export type Keeper = Awaited<ReturnType<typeof runProtocol>>;

/** Resolves when the keeper has the lock and is ready for steps. @throws Failure as openKeeper does */
export async function runProtocol(
  host: Host,
  attempt: Attempt,
  channel: Channel,
  nonce: string,
  hear: (happening: Happening) => void,
) {
  const ready = new Deferred<string>();
  const end = new Deferred<Outcome>();
  const recorded = new Deferred<void>();
  const finished = new DeferredMap<boolean>();
  const undone = new DeferredMap<boolean>();
  const undoing = new DeferredMap<number | undefined>();
  let undosSeen = 0;
  let settled: string | undefined;
  /** We asked for the end. */
  let ending = false;
  /** What is undone from here on is ours. */
  let isReady = false;
  const spoken = new StepOutput();
  const wire = openWire(channel, nonce, host.name, { event, over, say: line => spoken.say(line) });
  const { send } = wire;
  const steps = stepQueue(host, send, spoken);

  function over(error: unknown): void {
    wire.end();
    for (const waiting of [ready, end, recorded, steps.done, finished, undone, undoing]) waiting.fail(error);
  }

  function event(line: string): void {
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
    } else if (verb === 'done') steps.ended(Number(one), Number(two), unpack(three));
    else if (verb === 'next') spoken.end(ofStep(Number(one)));
    else if (verb === 'stream') steps.feed(Number(one), unpack(two));
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
      const advice = attempt.recover === undefined ? {} : { advice: attempt.recover };
      if (one === 'stuck')
        recorded.fail(new Failure(6, 'the release could not be recorded: is the disk full?', advice));
      undoing.settle(undosSeen, undefined);
      end.settle(outcomes.find(known => known === one) ?? 'stuck');
      // it could not go on, or did not hear us
      const why = `${host.name} ended the attempt by itself (${one}): ${unpack(two)}`;
      if (!ending) over(one === 'stuck' ? new Failure(6, why, advice) : new Failure(4, why));
    }
  }

  const stamp = await ready.promise.catch((error: unknown) => {
    wire.end();
    throw error;
  });

  return {
    /** The target's stamp at the moment the lock was taken: equal to the one that was asked, or the facts are old. */
    stamp,
    /** The leftover that was settled before this plan could begin, if any. */
    settled,
    /** Hands over all steps; they run in order, each as soon as the one before it is done. */
    begin(given: readonly Step[], finish: readonly Finish[]): void {
      for (const [index, { seconds, title, run, closesWindow }] of finish.entries())
        send('finish', index, Math.ceil(seconds ?? 300), pack(title), pack(run.text), closesWindow ? 'first' : 'after');
      steps.begin(given);
    },
    /** Resolves when step `index` is done; rejects with why it failed. Lines of output go to `say`. */
    done: (index: number, say: Say) => spoken.hear(ofStep(index), say, steps.done.of(index)),
    /**
     * The attempt succeeded: the steps that close the window run, pointers and log line are written, the undos dropped, the rest
     * of `finish` begins. `more` begins with a space.
     */
    commit(current: string, previous: string | undefined, more: string): void {
      ending = true;
      send('commit', current, previous ?? '-', pack(more));
    },
    /** Resolves when the line and the pointers are written. */
    recorded: () => recorded.promise,
    /** Resolves when finishing step `index` is done, with false when it failed. Lines of output go to `say`. */
    finished: (index: number, say: Say) => spoken.hear(ofFinish(index), say, finished.of(index)),
    /** Undoes everything that began. `outcome` is the word for the log. */
    abort(outcome: 'reverted' | 'aborted', reason: string): void {
      steps.stop();
      ending = true;
      send('abort', outcome, pack(reason));
    },
    /** After abort(): the undos one by one as they run, newest first, until the attempt has ended. */
    async *undos() {
      for (let seen = 0; ; seen++) {
        const index = await undoing.of(seen);
        if (index === undefined) return;
        const done = undone.of(index);
        yield { index, done, hear: (say: Say) => spoken.hear(ofUndo(index), say, done) };
      }
    },
    /** Resolves with the end of the attempt. @throws Failure 4 when the connection was lost before it was known. */
    ended: () => end.promise.finally(wire.end),
    /** Leaves without an attempt. */
    async quit(): Promise<void> {
      ending = true;
      send('quit');
      await end.promise.finally(wire.end);
    },
  };
}

const ofUndo = (index: number) => `undo of step ${index}`;
const ofFinish = (index: number) => `finishing step ${index}`;
