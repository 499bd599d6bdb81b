// The machine this program runs on, as a host: cron on the server, the demo, the tests.
import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { Failure } from '../errors.ts';
import { askThrough } from './channel.ts';
import type { HostContext, Channel, Host } from './host.ts';
import { programEnvironment, shellWords } from './environment.ts';
import type { Command } from './sh.ts';

const where = 'this machine';

export function localHost(name: string, { environment, terminal }: HostContext): Host {
  const env = programEnvironment(environment);
  const open = async (words: string[]): Promise<Channel & { pid: number | undefined }> => {
    // A session of its own: a Ctrl-C in the terminal must not reach it, or it would die before its undo.
    const child = spawn('bash', shellWords(...words), { env, detached: true, stdio: 'pipe' });
    await started(child);
    const { stdin: input, stdout: output, stderr: errors } = child;
    // A write to an ended process is reported by `ended`.
    for (const stream of [input, output, errors]) stream.on('error', () => {});
    let drop = () => {};
    const ended = new Promise<{ code: number }>((resolve, reject) => {
      child.once('exit', (code, signal) => resolve({ code: exitCode(code, signal) }));
      drop = () => {
        reject(new Failure(4, `the channel to ${where} was dropped`));
        for (const stream of [input, output, errors]) stream.destroy();
        child.unref();
      };
    });
    ended.catch(() => {});
    return { pid: child.pid, input, output, errors, ended, drop };
  };

  return {
    name,
    where,
    async ask(question, more = {}) {
      const channel = await open(['-s']);
      try {
        return await askThrough(channel, question, where, more);
      } catch (error) {
        // A question changes nothing, so what hangs on it may be ended; it is its own process group.
        if (channel.pid)
          spawn('kill', ['-TERM', '--', `-${channel.pid}`], { env, stdio: 'ignore' }).on('error', () => {});
        throw error;
      }
    },
    open: (command: Command) => open(['-c', command.text]),
    async terminal(command) {
      if (!terminal?.input.isTTY) throw new Failure(2, 'this needs a terminal, and there is none');
      const child = spawn('bash', shellWords('-c', command.text), { env, stdio: 'inherit' });
      await started(child);
      return new Promise(resolve => child.once('exit', (code, signal) => resolve(exitCode(code, signal))));
    },
    async close() {},
  };
}

function started(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', error => reject(new Failure(4, `bash does not start on ${where}: ${error.message}`)));
  });
}

/** As a shell counts: 128 and the signal's number. */
function exitCode(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal ? constants.signals[signal] : 0);
}
