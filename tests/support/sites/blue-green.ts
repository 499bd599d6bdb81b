// The visitors app switched blue-green on a droplet: its two places, and what is there of each.
import * as assert from 'uvu/assert';
import type { Report } from '../droplet/load-report.ts';
import { reachedByVisitors, visitorsOnDroplet, visitorsRoot, type VisitorsSite } from './visitors.ts';

const unit = 'bibliotheca-visitors';
const project = 'visitors-production';
export const drainSeconds = 8;

/** Boots it, and does what the runbook says root does once: the unit as a template, both instances enabled, the site tied to nginx. */
export async function blueGreenOnDroplet(name: string, runtime: 'compose' | 'systemd'): Promise<VisitorsSite> {
  const all = await visitorsOnDroplet(name, { runtime, switch: 'blue-green' });
  const { droplet, site } = all;
  site.rewrite(text => text.replace('      upstreams:\n', `      drain: ${drainSeconds}s\n      upstreams:\n`));
  const root = async (script: string) => {
    const said = await droplet.root(`set -e\n${script}`);
    if (said.code !== 0) throw new Error(said.stderr || said.stdout);
  };
  if (runtime === 'systemd')
    await root(`systemctl disable -q ${unit}
      mv /etc/systemd/system/${unit}.service /etc/systemd/system/${unit}@.service
      systemctl daemon-reload
      systemctl enable -q ${unit}@blue ${unit}@green`);
  await reachedByVisitors(all);
  return all;
}

/** Exactly one version runs and is asked by nginx, it is the one of the record, and no place of another one is left. */
export async function onlyServes(all: VisitorsSite, sha: string): Promise<void> {
  const { droplet, registry } = all;
  const said = await droplet.root(`cd ${visitorsRoot}
    echo "record $(cat releases/current_release)"
    echo "visitors $(curl -sk --resolve visitors.test:443:127.0.0.1 https://visitors.test/version.json)"
    if [ -e proxy/green ]; then colour=green port=4201 other=4200; else colour=blue port=4200 other=4201; fi
    echo "own $(curl -s http://127.0.0.1:$port/version.json)"
    echo "other $(curl -s -m 2 http://127.0.0.1:$other/version.json)"
    echo "links $([ "$(ls -d blue green 2>/dev/null | xargs)" = $colour ] && echo one)"
    ${
      registry
        ? `echo "running $(docker ps -a --filter label=com.docker.compose.service=web --format '{{.Label "com.docker.compose.project"}} {{.State}}' | sed "s/-$colour / /" | xargs)"
           echo "again $(docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' $(docker ps -aq --filter label=com.docker.compose.project=${project}-$colour) | xargs)"
           echo "networks $(docker network ls -q --filter label=com.docker.compose.project | wc -l)"`
        : `echo "running $(systemctl list-units --all --plain --no-legend '${unit}@*' | awk '{print $1, $3}' | grep -v inactive | sed "s/@$colour/@/" | xargs)"
           echo "again $(cat proxy/$colour.start)$(ls proxy | grep -c '\\.start$')"
           echo "linked $([ "$(readlink current)" = "$(readlink $colour)" ] && echo the same)"`
    }
    echo "journal $(ls -d releases/.keeper/journal 2>/dev/null)"
    echo "scratch $(ls -d releases/.keeper/bookops.* /dev/shm/bookops.* 2>/dev/null; find . -name '*.new' -o -name '*.making')"`);
  const version = `{"commitSha":"${sha}"}`;
  const place = registry
    ? [`running ${project} running`, 'again unless-stopped', 'networks 1']
    : [`running ${unit}@.service active`, 'again always1', 'linked the same'];
  assert.equal(
    said.stdout
      .trim()
      .split('\n')
      .map(line => line.trimEnd()),
    [`record ${sha}`, `visitors ${version}`, `own ${version}`, 'other', 'links one', ...place, 'journal', 'scratch'],
  );
}

/** Nobody was turned away, cut off, or told of maintenance; websockets ended only as the app says goodbye. */
export function lostNothing(report: Report): void {
  const { failures, told, examples, requests } = report;
  assert.is(failures, 0, examples.join('\n'));
  assert.is(told, undefined);
  assert.ok(requests.plain.ok === requests.plain.asked && requests.plain.ok > 0, JSON.stringify(requests));
  assert.ok(requests.upload.ok === requests.upload.asked && requests.slow.ok === requests.slow.asked);
}
