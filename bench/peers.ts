// Measures the bash script that people have instead: the same release layout and chores, one ssh command each, with and without ControlMaster.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { output } from '../tests/support/droplet/program.ts';
import { startWire } from '../tests/support/droplet/wire.ts';
import { median, seconds, timed, type Figure } from './figures.ts';
import { counted, deployOf, rollbackOf, systemdBench, type Bench } from './sites.ts';

const rounds = 3;
const delay = 50;
const ways = ['bookops', 'ssh with ControlMaster', 'ssh'] as const;

export const about = `the systemd app deployed by bookops and by a plain script (no lock, no undo, no checks beforehand, no explanation), ${rounds} interleaved rounds on the same droplet`;

export async function measure(say: (line: string) => void): Promise<Figure[]> {
  const bench = await systemdBench();
  const wire = await startWire({ host: bench.droplet.ip, port: bench.droplet.sshPort });
  const site = bench.siteBy({ host: wire.host, port: wire.port });
  bench.droplet.knownAs(wire.host, wire.port);
  const times = new Map<string, number[]>();
  const counts = new Map<string, { connections: number; sessions: number }>();
  for (let round = 0; round < rounds; round++)
    for (const each of [0, delay])
      for (const way of ways) {
        wire.delayMs = each;
        let took = 0;
        const work = async () => {
          if (way === 'bookops') took = (await deployOf(bench, site)).seconds;
          else took = await timed(() => script(bench, wire.port, way === 'ssh with ControlMaster'));
        };
        counts.set(way, await counted(bench.droplet, work));
        times.set(`${way} ${each}`, [...(times.get(`${way} ${each}`) ?? []), took]);
        say(`${way} at ${each} ms each way: ${seconds(took)}`);
        wire.delayMs = 0;
        if (way === 'bookops') await rollbackOf(bench);
      }
  await wire.close();
  return ways.map(way => {
    const [near, far] = [0, delay].map(each => median(times.get(`${way} ${each}`) ?? []));
    const { connections = 0, sessions = 0 } = counts.get(way) ?? {};
    return {
      what: `${way === 'bookops' ? 'a deploy by bookops' : `the script by ${way}`}: connections, channels; at 0 and ${2 * delay} ms`,
      value: `${connections}, ${sessions}; ${seconds(near ?? 0)}, ${seconds(far ?? 0)}`,
      against: 'each other, same run',
    };
  });
}

let runs = 0;

/** The chores of a deploy, one command each, as deploy scripts have them. */
async function script({ droplet, repo, root, shas }: Bench, port: number, shared: boolean): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-ssh-'));
  const config = join(folder, 'config');
  const master = shared ? `ControlMaster auto\nControlPath ${join(folder, 'm')}\nControlPersist 60\n` : '';
  writeFileSync(
    config,
    `Host droplet\nHostName 127.0.0.1\nPort ${port}\nUser deploy\nIdentityFile ${droplet.identityFile}\nIdentitiesOnly yes\nUserKnownHostsFile ${droplet.knownHostsFile}\nBatchMode yes\n${master}`,
  );
  chmodSync(config, 0o600);
  const next = `${root}/releases/script_${process.pid}_${++runs}`;
  const as = 'sudo -n -u bib';
  const health = 'until curl -qsf -o /dev/null http://127.0.0.1:8081/health; do sleep 0.1; done';
  const there = [
    `${as} mkdir ${next}`,
    '(archive)',
    ...['.env', 'storage', 'bibliotheca.db', 'logs'].map(
      path => `${as} bash -c 'rm -rf ${next}/${path}; ln -s ${root}/shared/${path} ${next}/${path}'`,
    ),
    `mkdir -p ${root}/maintenance; touch ${root}/maintenance/MAINTENANCE_ON`,
    'sudo -n systemctl stop bibliotheca-staging',
    `${as} sqlite3 ${root}/shared/bibliotheca.db '.backup ${root}/shared/storage/script.db'`,
    `${as} bash -c 'cd ${next} && set -a && . ${root}/shared/.env && alembic upgrade head'`,
    `ln -sfn ${next} ${root}/current.new && mv -fT ${root}/current.new ${root}/current`,
    'sudo -n systemctl start bibliotheca-staging',
    health,
    `echo "$(date) ${shas[0]}" >>${root}/releases/script.log`,
    `rm ${root}/maintenance/MAINTENANCE_ON`,
    `ls -d ${root}/releases/script_* | head -n -3`,
  ];
  const lines = there.map(command =>
    command === '(archive)'
      ? `git -C ${repo} archive --format=tar.gz ${shas[0]} | ssh -F ${config} droplet "${as} tar -xzf - -C ${next}"`
      : `ssh -F ${config} droplet ${JSON.stringify(command).replaceAll('$', '\\$')} </dev/null`,
  );
  const end = shared ? `ssh -F ${config} -O exit droplet` : 'true';
  try {
    await output('bash', ['-s'], { input: `set -euo pipefail\n${lines.join('\n')}\n${end}\n` });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
