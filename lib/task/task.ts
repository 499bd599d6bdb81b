// How a task starts and ends: flags, context, signals, exit codes. The only file that touches `process`.
import { realpathSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { taskCommand } from '../target/command.ts';
import { type Typed, hasValues, parse } from './args.ts';
import { flagsOf, type Shape, type Reach, type Flags } from './flags.ts';
import type { Config } from '../config/config.ts';
import type { Target } from '../target/target.ts';
import type { HostSettings } from '../target/host-settings.ts';
import { Failure, messageOf } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Report, Reporter } from '../report/report.ts';
import type { Result } from '../report/result.ts';
import { listen } from './signals.ts';
import type { Args, Context, TaskDefinition } from './context.ts';
import { whoRuns } from './who.ts';

/** Declares a task, and runs it when its file is the program that was started. */
export function task<
  const F extends Flags = Record<never, never>,
  const R extends Reach = 'one',
  const C extends boolean = false,
>(url: string, spec: TaskDefinition<F, R, C>): TaskDefinition<F, R, C> {
  const program = process.argv[1];
  if (program !== undefined && isFile(url, program)) {
    // Later than the rest of the task's file, so that everything it declares is there.
    queueMicrotask(() => void start(spec, basename(program, extname(program))));
  }
  return spec;
}

function isFile(url: string, program: string): boolean {
  try {
    return pathToFileURL(realpathSync(program)).href === url;
  } catch {
    return pathToFileURL(`${program}.ts`).href === url;
  }
}

async function start<F extends Flags, R extends Reach, C extends boolean>(spec: TaskDefinition<F, R, C>, name: string) {
  const words = process.argv.slice(2);
  let typed: Typed | undefined;
  let refused: unknown;
  try {
    const understood = parse(words, spec);
    if (understood === 'help') return await printHelp(spec, name);
    typed = understood;
  } catch (error) {
    refused = error;
  }

  // On Node 20 the SDK of the stores would fill cron's mail with a deprecation warning about Node 22.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  const voice = await speak(name, typed, words);
  const events = listen(process, voice, spec.changes === true);
  const hosts = new Map<string, Promise<Host>>();
  let exit = 0;
  try {
    if (!typed) throw refused;
    const run = runToEnd(spec, contextOf(spec, typed, { report: voice.report, signal: events.signal, hosts }));
    const result = await Promise.race([run, events.hopeless]);
    voice.result(result.text, result.json);
    exit = result.exit ?? 0;
    await voice.close();
  } catch (error) {
    if (!events.unread()) {
      const told = voice.fail(...events.blame(error));
      exit = told.exit;
      await voice.close(told);
    }
  }
  await end(exit, hosts);
}

async function runToEnd<F extends Flags, R extends Reach, C extends boolean>(
  spec: TaskDefinition<F, R, C>,
  context: Context<F, R, C>,
): Promise<Result> {
  const began = performance.now();
  const end = await spec.run(context).then(
    result => ({ result }),
    (error: unknown) => ({ error }),
  );
  if (spec.ended && !context.signal.aborted)
    try {
      await spec.ended(context, { ...end, seconds: (performance.now() - began) / 1000 });
    } catch (error) {
      context.report.warn(messageOf(error));
    }
  if ('error' in end) throw end.error;
  return end.result;
}

async function printHelp(shape: Shape, name: string) {
  const { help } = await import('./help.ts');
  process.stdout.on('error', () => {});
  // as its examples type it: an app's own task is elsewhere
  const [program = taskCommand(name)] = /^npx tsx \S+/.exec(shape.examples[0] ?? '') ?? [];
  process.stdout.write(help(program, shape));
}

async function speak(name: string, typed: Typed | undefined, words: string[]): Promise<Reporter> {
  const { createReporter } = await import('../report/report.ts');
  // Even an invalid command line may say how its error is to be printed (--json).
  const asked = (flag: string) => (typed ? typed.values[flag] === true : words.includes(`--${flag}`));
  const { stdout, stderr, env } = process;
  // A width of 0 (a pty that nobody sized) would make listr2 wrap after each character.
  const drawable = stdout.isTTY && stderr.isTTY && stdout.columns > 0 && stderr.columns > 0 && env['TERM'] !== 'dumb';
  return createReporter({
    title: `bookops ${name}`,
    stdout,
    stderr,
    screen: drawable ? stderr : undefined,
    environment: env,
    json: asked('json'),
    verbose: asked('verbose'),
  });
}

function contextOf<F extends Flags, R extends Reach, C extends boolean>(
  spec: TaskDefinition<F, R, C>,
  { values, positionals, rest }: Typed,
  { report, signal, hosts }: { report: Report; signal: AbortSignal; hosts: Map<string, Promise<Host>> },
): Context<F, R, C> {
  if (!fits(values, spec)) throw new TypeError('the flags do not have the types that their task declares');
  const environment = process.env;
  const folder = process.cwd();
  let config: Promise<Config> | undefined;
  let target: Promise<Target> | undefined;

  const load = async () => {
    const { loadConfig } = await import('../config/load.ts');
    return loadConfig(resolve(folder, values.config ?? (environment['BOOKOPS_CONFIG'] || 'ops.yml')));
  };
  const open = async (settings: HostSettings) => {
    const { connect } = await import('../host/connect.ts');
    const { stdin: input, stdout: output } = process;
    return connect(settings, { environment, signal, terminal: { input, output } });
  };
  const find = async () => {
    const { env, app } = named(values);
    if (env === undefined) throw new Failure(2, '--env is missing: which environment?', { advice: 'add --env <name>' });
    return (await context.config()).find(app, env);
  };
  const context: Context<F, R, C> = {
    args: values,
    positionals,
    rest,
    config: () => (config ??= load()),
    target: () => (target ??= find()),
    connect(settings) {
      const host = hosts.get(settings.name) ?? open(settings);
      hosts.set(settings.name, host);
      return host;
    },
    environment,
    signal,
    report,
    output: process.stdout,
    errors: process.stderr,
    // A getter, because touching it makes Node open it.
    get input() {
      return process.stdin;
    },
    who: whoRuns(environment, process.getuid?.()),
    folder,
  };
  return context;
}

function fits<F extends Flags, R extends Reach, C extends boolean>(
  values: Typed['values'],
  spec: TaskDefinition<F, R, C>,
): values is Typed['values'] & Args<F, R, C> {
  return hasValues(values, flagsOf(spec));
}

function named({ env, app }: Typed['values']): { env: string | undefined; app: string | undefined } {
  return { env: env === undefined ? env : String(env), app: app === undefined ? app : String(app) };
}

async function end(exit: number, hosts: Map<string, Promise<Host>>) {
  process.exitCode = exit;
  for (const stream of [process.stdout, process.stderr])
    await new Promise<void>(done => {
      stream.write('', () => done());
    });
  // Handles that a library left open must not keep the program running: all is printed, and on the host the keeper watches.
  setTimeout(() => process.exit(exit), 1500).unref();
  await Promise.allSettled([...hosts.values()].map(async host => (await host).close()));
}
