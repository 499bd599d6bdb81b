// A task for the frame's tests: it lists, says, fails and waits as its flags tell it, and touches no server.
import { setTimeout as pause } from 'node:timers/promises';
import { Failure } from '../../../lib/errors.ts';
import { task } from '../../../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Do what the flags say, so that the frame can be looked at',
  examples: ['npx tsx tests/support/task/frame.ts --env staging --slow 2s'],
  positionals: [
    { name: 'end', about: 'how it ends', choices: ['well', 'failure', 'bug', 'silent', 'rejection', 'needs-person'] },
  ],
  rest: { name: 'words', about: 'words that come back in the result' },
  changes: true,
  args: {
    slow: { type: 'duration', value: '2s', about: 'how long the second step takes', default: 0 },
    undo: { type: 'duration', value: '1s', about: 'how long undoing takes', default: 0 },
    line: { type: 'string', about: 'a line that a server says', default: 'Pulled abc' },
    rows: { type: 'string', about: 'how many lines the result has', default: '1' },
  },

  async run({ args, positionals: [end = 'well'], rest, report, signal, who, folder }) {
    report.heading('Deploy arsvent to staging');
    await report.show([
      { title: 'Look at the server', run: async say => say('all is well') },
      { title: 'Log in to the registry', skip: 'no registry in ops.yml', run: async () => {} },
      {
        title: 'Pull ghcr.io/kunst/arsvent-api:3f2c1ab0c0ffee and ghcr.io/kunst/arsvent-web:3f2c1ab0c0ffee by digest',
        run: async say => {
          for (let line = 1; line <= 30; line++) say(`${args.line} ${line}`);
          await pause(args.slow * 1000, undefined, { signal }).catch(async () => {
            await pause(args.undo * 1000);
            throw end === 'needs-person' ? new Failure(6, 'an undo failed') : signal.reason;
          });
          if (end === 'failure')
            throw new Failure(1, 'staging did not become ready in 60 s on deploy@203.0.113.10', {
              advice: 'npx tsx tasks/logs.ts --env staging',
              detail: Array.from({ length: 40 }, (_, at) => `log line ${at + 1}`).join('\n'),
            });
          if (end === 'silent') throw new Failure(1, 'it failed without a detail');
          if (end === 'bug') throw new TypeError('x is not a function');
          if (end === 'rejection') void Promise.reject(new Error('nobody waited for me'));
          if (end === 'rejection') await pause(60_000);
        },
      },
      { title: 'Start the new version', run: async () => {} },
    ]);
    const rows = Array.from({ length: Number(args.rows) }, (_, at) => `${report.paint.green('live')} row ${at}`);
    return { text: rows.join('\n'), json: { live: true, rest, who, folder, wait: args.wait ?? null, env: args.env } };
  },
});
