// A command on a host with this program's streams; it also ends there when nobody listens here any more.
import type { Readable, Writable } from 'node:stream';
import { stepFunctions } from './environment.ts';
import type { Channel, Host } from './host.ts';
import { lines, sh, type Command } from './sh.ts';

export type Ends = {
  /** What the command reads; undefined: nothing. */
  input: Readable | undefined;
  output: Writable | NodeJS.WritableStream;
  errors: Writable | NodeJS.WritableStream;
  signal: AbortSignal;
  /** The user whose processes the command starts through sudo; undefined: none. */
  appUser: string | undefined;
};

/** Runs `command` and passes its streams on as they are. @returns its exit code. @throws Failure 4 when the connection is lost. */
export async function stream(host: Host, command: Command, ends: Ends): Promise<number> {
  const { input, output, errors, signal } = ends;
  const channel = await host.open(attended(command, ends.appUser));
  const interrupt = () => channel.drop();
  signal.addEventListener('abort', interrupt);
  try {
    if (signal.aborted) interrupt();
    feed(channel, input).catch(() => {}); // the loss shows in `ended`
    const poured = [pour(channel.output, output), pour(channel.errors, errors)];
    const { code } = await channel.ended;
    await Promise.all(poured);
    return code;
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', interrupt);
    channel.input.end();
    input?.destroy();
  }
}

/** Runs `command` with this terminal. @returns its exit code. */
export function onTerminal(host: Host, command: Command): Promise<number> {
  return host.terminal(withFunctions(command));
}

/** The command for a channel, in a bash that knows the functions of steps. */
export function withFunctions(command: Command): Command {
  return lines(words(), command);
}

/** The functions of steps, without their strictness: a person's command ends as it ends. */
function words(): Command {
  return lines(stepFunctions(), sh`trap - ERR; set +euo pipefail`);
}

/**
 * Standard input arrives in counted pieces, 0 at its end, so that the end of the channel is something else: then the
 * process group is ended, also what it runs as the app's user. sshd itself would leave a silent command running.
 */
function attended(command: Command, appUser: string | undefined): Command {
  return lines(
    words(),
    sh`end_all() {
  trap '' TERM
  ${appUser ? sh`as_user ${appUser} kill -TERM -- "-$$"` : sh`:`}
  kill -TERM -- "-$$"
}
feed() {
  local count
  while :; do
    IFS= read -r count <&4 || { end_all; return; }
    ((count)) || break
    head -c "$count" <&4 || break
  done
  exec >&-
  cat <&4 >/dev/null
  end_all
}
exec 4<&0 < <(feed 2>/dev/null)
feeder=$!
(
  exec 4<&-
${command}
)
code=$?
kill "$feeder" 2>/dev/null
exit "$code"`,
  );
}

async function feed({ input: sink }: Channel, source: Readable | undefined): Promise<void> {
  if (source)
    for await (const piece of source) {
      const bytes = Buffer.from(piece);
      if (bytes.length === 0) continue;
      sink.write(`${bytes.length}\n`);
      await new Promise<void>(written => sink.write(bytes, () => written()));
    }
  sink.write('0\n');
}

/** Passes on what comes from `source`, until its end. */
export function pour(source: Readable, sink: Ends['output']): Promise<void> {
  source.pipe(sink, { end: false });
  return new Promise(done => {
    source.once('end', done);
    source.once('close', done);
  });
}
