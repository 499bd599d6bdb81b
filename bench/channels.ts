// Counts TCP connections and exec channels of deploys and rollbacks, with more and more shared files and kept releases.
import type { Figure } from './figures.ts';
import { composeBench, counted, deployOf, rollbackOf, run, systemdBench, type Bench } from './sites.ts';

const most = { connections: 1, sessions: 8 };
const peers = 'Kamal 31 on 1, Capistrano 28 on 1, shipit 8 on 8 (measured earlier on another machine)';

export const about = "connections and exec channels of one deploy and one rollback, counted in sshd's own log";

export async function measure(say: (line: string) => void): Promise<Figure[]> {
  const figures: Figure[] = [];
  const [compose, systemd] = [await composeBench(), await systemdBench()];
  const shared = ['.env', 'storage', 'bibliotheca.db', 'logs'];
  const extra = Array.from({ length: 16 }, (_, index) => `extra/file${index + 1}`);
  for (const files of [shared, [...shared, ...extra.slice(0, 1)], [...shared, ...extra]]) {
    systemd.site.rewrite(text => text.replace(/shared: \[.*\]/, `shared: [${files.join(', ')}]`));
    figures.push(...(await counts(systemd, `${files.length} shared files`, say)));
  }
  systemd.site.rewrite(text => text.replace(/shared: \[.*\]/, `shared: [${shared.join(', ')}]`));
  for (const bench of [systemd, compose])
    for (const keep of [2, 10]) {
      bench.site.rewrite(text => text.replace(/keep: \d+\n {4}runtime/, `keep: ${keep}\n    runtime`));
      // Each commit has one folder, so more releases need more commits.
      for (const sha of keep > 2 ? await bench.more(keep - 2) : []) await run(bench.site, 'deploy', '--sha', sha);
      for (const sha of bench.shas) await run(bench.site, 'deploy', '--sha', sha);
      figures.push(...(await counts(bench, `${await releasesOn(bench)} kept releases`, say)));
    }
  return figures;
}

async function releasesOn({ droplet, root }: Bench): Promise<number> {
  return Number((await droplet.root(`ls -d ${root}/releases/2*_* | wc -l`)).stdout);
}

async function counts(bench: Bench, what: string, say: (line: string) => void): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [name, change] of [
    ['deploy', deployOf],
    ['rollback', rollbackOf],
  ] as const) {
    const { connections, sessions } = await counted(bench.droplet, () => change(bench));
    say(`${bench.runtime} ${name}, ${what}: ${connections} connection, ${sessions} channels`);
    figures.push({
      what: `${bench.runtime}: ${name} with ${what}`,
      value: `${connections} connection, ${sessions} channels`,
      limit: `${most.connections}, ≤ ${most.sessions}`,
      good: connections === most.connections && sessions <= most.sessions,
      against: peers,
    });
  }
  return figures;
}
