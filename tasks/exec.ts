// Runs a program in an app's container or release, with the arguments exactly as typed, and ends with its exit code.
import { targetName } from '../lib/target/command.ts';
import { Failure } from '../lib/errors.ts';
import { gatherer } from '../lib/host/run.ts';
import { onTerminal, stream } from '../lib/host/stream.ts';
import { servingOrRefuse } from '../lib/release/serving.ts';
import { askFacts } from '../lib/deploy/ask-facts.ts';
import { runtimeOf } from '../lib/runtime/runtime-of.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Run a program where the app runs: in its container, or in its release with its user and environment',
  examples: [
    'npx tsx tasks/exec.ts --env staging -- node --version',
    'npx tsx tasks/exec.ts --env production --interactive -- sh',
    "echo 'select count(*) from books;' | npx tsx tasks/exec.ts --env staging -- sqlite3 data/staging.db",
  ],
  args: {
    interactive: { type: 'boolean', short: 'i', about: 'attach this terminal (TTY)' },
    service: { type: 'string', value: 'name', about: 'compose: another service than the one ops.yml names' },
  },
  rest: { name: 'words', about: 'the program and its arguments; for a shell write: -- sh -c …' },

  async run(context) {
    const { args, rest, signal, input } = context;
    if (rest.length === 0) throw new Failure(2, 'there is no program to run', { advice: 'write it after --' });
    if (rest.some(word => word.includes('\ufffd')))
      throw new Failure(2, 'a word after -- is not UTF-8, and would not arrive as it is');
    if (args.interactive && args.json) throw new Failure(2, '--interactive and --json cannot be combined');

    const target = await context.target();
    const name = targetName(target);
    if (args.service && target.runtime.kind !== 'compose')
      throw new Failure(2, `--service is for compose, and ${name} runs as ${target.runtime.kind}`);
    const host = await context.connect(target.host);
    const now = servingOrRefuse(target, await askFacts(host, target), 1);

    const runtime = runtimeOf(target);
    const command = runtime.exec(now, rest, args.interactive, args.service);
    if (args.interactive) return { text: '', json: undefined, exit: await onTerminal(host, command) };

    const said = { output: gatherer(Infinity), errors: gatherer(Infinity) };
    const { output, errors } = args.json ? said : context;
    const exit = await stream(host, command, {
      input: input.isTTY ? undefined : input,
      output,
      errors,
      signal,
      appUser: runtime.appUser,
    });
    return { text: '', json: { exit, stdout: said.output.text(), stderr: said.errors.text() }, exit };
  },
});
