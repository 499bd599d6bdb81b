// The lines of a client reach the keeper whole, at whatever moment they come.
import { spawn } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { keeperSource } from '../../../../lib/plan/keeper/open.ts';

const keeper = keeperSource();
const words = ['next_line', 'pause'].map(
  name => new RegExp(`^${name}\\(\\) \\{.*?^\\}$`, 'ms').exec(keeper)?.[0] ?? '',
);

/** The loop of the keeper, which says each line that it heard. */
const loop = `${words.join('\n')}
partial='' chunk=''
fifo=$(mktemp -u) && mkfifo "$fifo" && exec 9<>"$fifo" && rm "$fifo"
while :; do
  if read -r -t 0; then
    next_line
    code=$?
    if ((code == 0)); then echo "$line"; elif ((code <= 128)); then break; fi
  else pause 0.01; fi
done`;

const pause = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms));

test('of thousands of lines that come at any moment none is lost, and none is cut', async () => {
  const said = (
    await Promise.all(
      [1, 2, 3].map(async reader => {
        const child = spawn('bash', ['-c', loop], { stdio: ['pipe', 'pipe', 'inherit'] });
        const pieces: Buffer[] = [];
        child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
        const ended = new Promise(resolve => child.once('close', resolve));
        const lines: string[] = [];
        for (const end = Date.now() + 6000; Date.now() < end; await pause(Math.random() * 12)) {
          lines.push(`${reader} ${lines.length} ${'x'.repeat(Math.random() * 4000)}`);
          child.stdin.write(`${lines.at(-1)}\n`);
        }
        child.stdin.end();
        await ended;
        return { lines, heard: Buffer.concat(pieces).toString().split('\n').slice(0, -1) };
      }),
    )
  ).flatMap(({ lines, heard }) => lines.filter((line, at) => line !== heard[at]).slice(0, 1));
  assert.equal(
    said.map(line => line.slice(0, 20)),
    [],
  );
});
test.run();
