// Signals and other events from outside, and the exit code with which a running task then ends.
import { type ExitCode, Failure } from '../errors.ts';
import type { Reporter } from '../report/report.ts';

/** What can happen to a running task from outside: signals, a reader that goes away, an error that nobody caught. */
export function listen(program: NodeJS.Process, voice: Reporter, changes: boolean) {
  const controller = new AbortController();
  const { signal } = controller;
  let exit: 130 | 143 | undefined;
  let since = 0;
  let unread = false;

  const hopeless = new Promise<never>((_, reject) => {
    program.on('uncaughtException', reject);
    const interrupted = (name: NodeJS.Signals) => {
      if (exit !== undefined) {
        // One Ctrl-C may come twice: from the terminal, and passed on by npx or tsx.
        if (name === 'SIGINT' && performance.now() - since > 400) program.exit(130);
        return;
      }
      exit = name === 'SIGINT' ? 130 : 143;
      since = performance.now();
      voice.report.warn(changes ? 'interrupted: undoing, press Ctrl-C again to leave it to the server' : 'interrupted');
      controller.abort(new Failure(exit, `interrupted by ${name}`));
      // Nothing to undo: what does not listen to the signal is not waited for long.
      if (!changes) setTimeout(() => reject(signal.reason), 2000).unref();
    };
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) program.on(name, interrupted);
  });
  // It may reject when the race is over.
  hopeless.catch(() => {});

  // `| head` has read enough. A task that changes something continues to its end nevertheless.
  program.stdout.on('error', () => {
    if (changes || signal.aborted) return;
    unread = true;
    controller.abort(new Failure(0, 'nobody reads the output any more'));
  });
  program.stderr.on('error', () => {});

  return {
    signal,
    hopeless,
    unread: () => unread,
    /** The error to tell and the exit code it gets: an interruption's, unless a person is needed (6). */
    blame(error: unknown): [unknown, ExitCode?] {
      if (exit === undefined || (error instanceof Failure && error.exit === 6)) return [error];
      const aborted = error instanceof Error && error.name === 'AbortError';
      return [aborted ? signal.reason : error, exit];
    },
  };
}
