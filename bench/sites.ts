// The two example systems on droplets, booted once for all parts: staging serves, and two commits may go to and fro.
import { arsventOnDroplet, arsventRoot } from '../tests/support/sites/arsvent.ts';
import { bibliothecaOnDroplet, bibliothecaRoot } from '../tests/support/sites/bibliotheca.ts';
import { bash } from '../tests/support/droplet/program.ts';
import type { Droplet } from '../tests/support/droplet/droplet.ts';
import type { Said, Site } from '../tests/support/sites/site.ts';

export type Bench = {
  runtime: 'compose' | 'systemd';
  droplet: Droplet;
  site: Site;
  siteBy(way: { host?: string; port?: number }): Site;
  repo: string;
  /** So many further commits of the same schema, ready to be deployed. */
  more(count: number): Promise<string[]>;
  /** Two commits with the same schema. */
  shas: [string, string];
  root: string;
  /** Bash for the droplet: stops what serves in staging and starts it until it is ready, nothing else. */
  bounce: string;
};

let compose: Promise<Bench> | undefined;
let systemd: Promise<Bench> | undefined;

export function composeBench(): Promise<Bench> {
  return (compose ??= makeCompose());
}

export function systemdBench(): Promise<Bench> {
  return (systemd ??= makeSystemd());
}

async function makeCompose(): Promise<Bench> {
  const { droplet, registry, app, site, siteBy } = await arsventOnDroplet('bench-compose');
  const more = async (count: number) => {
    const shas = await emptyCommits(app.repo, app.good2, count);
    for (const sha of shas)
      for (const part of ['backend', 'frontend'] as const)
        await registry.pushImage(`arsvent-${part}`, sha, await app.contextFor(sha, part));
    return shas;
  };
  const root = arsventRoot.staging;
  const bounce = `
    project=$(docker ps -a --format '{{.Label "com.docker.compose.project"}}' | sort -u)
    folder=$(ls -d ${root}/releases/*_"$(cut -c 1-7 ${root}/releases/current_release)" | tail -n 1)
    dc() { docker compose -p "$project" --project-directory ${root} --env-file "$folder/compose.env" -f "$folder/compose.yml" "$@"; }
    dc stop -t 10 backend frontend
    dc up -d --no-deps backend frontend
    ${ready(4100, '/livez')}
    ${ready(4100, '/readyz')}
    ${ready(4273, '/version.json')}`;
  return started({
    runtime: 'compose',
    droplet,
    site,
    siteBy,
    repo: app.repo,
    more,
    shas: [app.good1, app.good2],
    root,
    bounce,
  });
}

async function makeSystemd(): Promise<Bench> {
  const { droplet, app, site, siteBy } = await bibliothecaOnDroplet('bench-systemd');
  const more = (count: number) => emptyCommits(app.repo, app.good3, count);
  const root = bibliothecaRoot.staging;
  const bounce = `
    sudo -n systemctl stop bibliotheca-staging
    sudo -n systemctl start bibliotheca-staging
    ${ready(8081, '/ping')}
    ${ready(8081, '/health')}`;
  return started({
    runtime: 'systemd',
    droplet,
    site,
    siteBy,
    repo: app.repo,
    more,
    shas: [app.good2, app.good3],
    root,
    bounce,
  });
}

/** Commits that change nothing, each on top of the one before. */
async function emptyCommits(repo: string, base: string, count: number): Promise<string[]> {
  const shas: string[] = [];
  for (let at = 1; at <= count; at++) {
    const parent = shas.at(-1) ?? base;
    const who = '-c user.name=bench -c user.email=bench@example.org';
    shas.push(await bash(`git -C '${repo}' ${who} commit-tree -p ${parent} -m 'Nothing, ${at}' '${base}^{tree}'`));
  }
  await bash(`git -C '${repo}' branch -f bench ${shas.at(-1) ?? base}`);
  return shas;
}

function ready(port: number, path: string): string {
  return `until curl -qsf -o /dev/null --max-time 5 http://127.0.0.1:${port}${path}; do sleep 0.05; done`;
}

async function started(bench: Bench): Promise<Bench> {
  for (const sha of bench.shas) await run(bench.site, 'deploy', '--sha', sha);
  return bench;
}

/** Runs a task on staging; it has to succeed. */
export async function run(site: Site, task: string, ...words: string[]): Promise<Said> {
  const said = await site.task(task, '--env', 'staging', '--json', ...words);
  if (said.code !== 0) throw new Error(`${task} ended with ${said.code}:\n${said.stderr.slice(-2000)}`);
  return said;
}

/** Two kinds of change that may follow each other for ever: a deploy of the first commit, a rollback to the second. */
export function deployOf(bench: Bench, site = bench.site): Promise<Said> {
  return changed(run(site, 'deploy', '--sha', bench.shas[0]));
}

export function rollbackOf(bench: Bench, site = bench.site): Promise<Said> {
  return changed(run(site, 'rollback', '--to', bench.shas[1]));
}

/** A task that found nothing to do would be a fine figure, and a false one. */
async function changed(said: Promise<Said>): Promise<Said> {
  const { json, stdout } = await said;
  if (json['outcome'] !== 'live') throw new Error(`nothing was changed: ${stdout}`);
  return said;
}

/** Seconds of a script on the droplet, as the deploy user, measured there. */
export async function secondsThere(droplet: Droplet, script: string): Promise<number> {
  const said = await droplet.asDeploy(
    `set -e; from=\${EPOCHREALTIME//./}; { ${script}\n} >/dev/null 2>&1; echo $((\${EPOCHREALTIME//./} - from))`,
  );
  if (said.code !== 0) throw new Error(`on the droplet: ${said.stderr || said.stdout}\n${script}`);
  return Number(said.stdout) / 1e6;
}

/** TCP connections and exec channels that sshd logged while `work` ran. */
export async function counted(
  droplet: Droplet,
  work: () => Promise<unknown>,
): Promise<{ connections: number; sessions: number }> {
  const before = await total(droplet);
  await work();
  const after = await total(droplet);
  return { connections: after.connections - before.connections, sessions: after.sessions - before.sessions };
}

/** Of all since the boot: a cursor of the journal sometimes hides the first line after it. */
async function total(droplet: Droplet): Promise<{ connections: number; sessions: number }> {
  const said = await droplet.root('journalctl --sync; journalctl -q -o cat -b -t sshd');
  const lines = said.stdout.split('\n');
  const count = (start: string) => lines.filter(line => line.startsWith(start)).length;
  return { connections: count('Accepted publickey for '), sessions: count('Starting session: ') };
}
