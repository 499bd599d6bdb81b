// A client of the keeper that exists to be killed: it walks the steps it reads, and tells each that is done.
import { text } from 'node:stream/consumers';
import { openKeeper } from '../../../lib/plan/keeper/open.ts';
import { host, shas, stepOf, type Plain } from './keeping.ts';

const { attempt, steps, finish } = JSON.parse(await text(process.stdin)) as {
  attempt: Parameters<typeof openKeeper>[1];
  steps: Plain[];
  finish: Plain[];
};
const keeper = await openKeeper(host, attempt);
console.log('ready');
keeper.begin(steps.map(stepOf), finish.map(stepOf));
for (const index of steps.keys()) {
  await keeper.done(index, () => {});
  console.log(`done ${index}`);
}
keeper.commit(shas.next, shas.old, '');
await keeper.recorded();
console.log('recorded');
console.log(await keeper.ended());
