// Measures what distance costs a deploy and a rollback, in round trips.
import { startWire } from '../tests/support/droplet/wire.ts';
import { median, seconds, type Figure } from './figures.ts';
import { composeBench, deployOf, rollbackOf, systemdBench, type Bench } from './sites.ts';

const rounds = 3;
/** Seconds of a round trip. At a tenth, a busy machine is as loud as the distance; at a whole second it is not. */
const distances = [0, 0.1, 1] as const;
const most = 25;

export const about = `the seconds that 100 ms and 1 s of distance add, divided by them, medians of ${rounds} interleaved rounds`;

export async function measure(say: (line: string) => void): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const bench of [await composeBench(), await systemdBench()]) figures.push(...(await distance(bench, say)));
  return figures;
}

async function distance(bench: Bench, say: (line: string) => void): Promise<Figure[]> {
  const wire = await startWire({ host: bench.droplet.ip, port: bench.droplet.sshPort });
  const site = bench.siteBy({ host: wire.host, port: wire.port });
  const changes = { deploy: deployOf, rollback: rollbackOf };
  const names = ['deploy', 'rollback'] as const;
  const times = names.map(() => distances.map((): number[] => []));
  for (let round = 0; round < rounds; round++)
    for (const [far, trip] of distances.entries())
      for (const [at, name] of names.entries()) {
        wire.delayMs = (1000 * trip) / 2;
        const said = await changes[name](bench, site);
        times[at]?.[far]?.push(said.seconds);
        say(`${bench.runtime} ${name} at ${1000 * trip} ms: ${seconds(said.seconds)}`);
      }
  await wire.close();
  return names.map((name, at) => {
    const [near = 0, far = 0, farthest = 0] = (times[at] ?? []).map(median);
    const trips = farthest - near;
    return {
      what: `${bench.runtime}: ${name}, round trips that 1 s of distance adds`,
      value: trips.toFixed(1),
      limit: `≤ ${most}`,
      good: trips <= most,
      against: `${seconds(near)} on loopback; at 100 ms ${seconds(far)}, that is ${((far - near) / 0.1).toFixed(1)} with the noise of the machine`,
    };
  });
}
