// Measures what a deploy and a rollback take beyond the app's own stop and start, and where the time goes.
import { median, seconds, type Figure } from './figures.ts';
import { composeBench, deployOf, rollbackOf, secondsThere, systemdBench, type Bench } from './sites.ts';
import type { Said } from '../tests/support/sites/site.ts';

const rounds = 5;
const changes = { deploy: { of: deployOf, limit: 4 }, rollback: { of: rollbackOf, limit: 2 } };

export const about = `wall time of a task minus the app's own stop and start on the same droplet, image in the registry, medians of ${rounds} interleaved rounds`;

export async function measure(say: (line: string) => void): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const bench of [await composeBench(), await systemdBench()]) figures.push(...(await ofRuntime(bench, say)));
  return figures;
}

async function ofRuntime(bench: Bench, say: (line: string) => void): Promise<Figure[]> {
  const bounces: number[] = [];
  const said: Record<keyof typeof changes, Said[]> = { deploy: [], rollback: [] };
  const overheads: Record<keyof typeof changes, number[]> = { deploy: [], rollback: [] };
  for (let round = 0; round < rounds; round++)
    for (const name of ['deploy', 'rollback'] as const) {
      const one = await changes[name].of(bench);
      const bounce = await secondsThere(bench.droplet, bench.bounce);
      said[name].push(one);
      overheads[name].push(one.seconds - bounce);
      bounces.push(bounce);
      say(`${bench.runtime} ${name} ${seconds(one.seconds)}, own stop and start ${seconds(bounce)}`);
    }
  const own = median(bounces);
  return [
    { what: `${bench.runtime}: the app's own stop and start`, value: seconds(own) },
    ...(['deploy', 'rollback'] as const).flatMap(name => {
      const { limit } = changes[name];
      const wall = median(said[name].map(one => one.seconds));
      const overhead = median(overheads[name]);
      return [
        {
          what: `${bench.runtime}: ${name}, overhead`,
          value: seconds(overhead),
          limit: `< ${limit} s`,
          good: overhead < limit,
          against: `the whole task took ${seconds(wall)}; in the least disturbed round the overhead was ${seconds(Math.min(...overheads[name]))}`,
        },
        ...phases(said[name]).map(([title, time]) => ({
          what: `${bench.runtime}: ${name}: ${title}`,
          value: seconds(time),
        })),
      ];
    }),
  ];
}

/** Median seconds of each step, and of what lies around the steps. */
function phases(all: Said[]): [string, number][] {
  const times = new Map<string, number[]>();
  const add = (title: string, time: number) => times.set(title, [...(times.get(title) ?? []), time]);
  for (const { seconds: wall, json } of all) {
    const steps = json['steps'] as { title: string; seconds: number }[];
    const inside = Number(json['seconds']);
    add('program start, reading ops.yml and git, leaving', wall - inside);
    add(
      'connecting, asking, planning, opening the keeper, last lines',
      inside - steps.reduce((sum, one) => sum + one.seconds, 0),
    );
    for (const { title, seconds } of steps)
      add(title.replace(/\b(\d{8}_\d{6}_)?[0-9a-f]{7}\b/, 'the release'), seconds);
  }
  return [...times].map(([title, list]) => [title, median(list)]);
}
