// What must hold on a droplet whenever no deploy is running, however the last one ended.
import * as assert from 'uvu/assert';
import { goodReleases, parseLog } from '../../../lib/release/log.ts';
import type { Droplet } from '../droplet/droplet.ts';
import { until } from '../droplet/program.ts';

export type Calm = { sha: string; lines: number; outcome: string; secondsUntilFree: number };

export type Kind = { kind: 'compose' | 'systemd'; root: string; port: number; unit?: string; project?: string };

/**
 * Waits at most `limit` seconds until nobody holds the lock and no journal is left, then checks that exactly one version
 * serves, that it is the one of the log and the pointers, that maintenance is off and that nothing is left over.
 */
export async function calm(droplet: Droplet, target: Kind, limit = 30): Promise<Calm> {
  const releases = `${target.root}/releases`;
  const began = performance.now();
  const run = async (script: string) => (await droplet.root(script)).stdout.trim();
  await until(`the lock of ${target.root} is free`, limit, async () => {
    const said = await run(
      `[ ! -e ${releases}/.keeper/journal ] && flock -n ${releases}/.keeper/lock true && echo free`,
    );
    return said === 'free' ? true : undefined;
  });
  const secondsUntilFree = (performance.now() - began) / 1000;

  const log = parseLog(await run(`cat ${releases}/releases.log`));
  const stack = goodReleases(log);
  const good = stack.at(-1);
  const sha = await until('somebody serves', 20, async () => {
    const said = await run(
      target.kind === 'compose'
        ? `curl -s --max-time 3 http://127.0.0.1:${target.port}/version.json | grep -o '"commitSha":"[0-9a-f]*"' | cut -d'"' -f4`
        : `curl -s -D - -o /dev/null --max-time 3 http://127.0.0.1:${target.port}/ping | tr -d '\\r' | sed -n 's/^[Xx]-[Vv]ersion: *//p'`,
    );
    return said || undefined;
  });
  assert.is(sha, good?.sha, 'what serves is what the log says');
  assert.is(await run(`cat ${releases}/current_release`), sha, 'current_release says what serves');
  assert.is(
    await run(`cat ${releases}/previous_release 2>/dev/null`),
    stack.at(-2)?.sha ?? '',
    'previous_release is the good one before',
  );
  assert.is(await run(`ls ${target.root}/maintenance/MAINTENANCE_ON 2>/dev/null`), '', 'maintenance is off');

  const kept = new Set(stack.map(one => one.release));
  const folders = (await run(`ls -1 ${releases} | grep -E '^[0-9]{8}_' || true`)).split('\n').filter(Boolean);
  assert.equal(
    folders.filter(name => !kept.has(name)),
    [],
    'no folder of a release that never became good',
  );
  assert.is(
    await run(`ls -d ${releases}/.keeper/bookops.* /dev/shm/bookops.* /tmp/bookops.* 2>/dev/null`),
    '',
    'no scratch folder is left',
  );
  assert.is(
    await run(`find ${target.root} -name '*.exact' -o -name '*.new' -o -name '*.back' -o -name '*.restored' | head`),
    '',
    'no half-made file is left',
  );
  assert.is(
    await run(`pgrep -u deploy -af 'bash -c .*releases/.keeper' | grep -v pgrep || true`),
    '',
    'no step goes on',
  );

  if (target.kind === 'compose') {
    const all = (
      await run(
        `docker ps -a --filter label=com.docker.compose.project=${target.project} --format '{{.Label "com.docker.compose.service"}} {{.State}} {{.Image}}'`,
      )
    )
      .split('\n')
      .sort();
    assert.is(all.length, 3, `three containers and no more:\n${all.join('\n')}`);
    assert.ok(all[0]?.startsWith('backend running ') && all[0].endsWith(sha), all.join('\n'));
    assert.ok(all[1]?.startsWith('frontend running ') && all[1].endsWith(sha), all.join('\n'));
    assert.match(all[2] ?? '', /^redis running /);
    const policies = await run(
      `docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' $(docker ps -aq --filter label=com.docker.compose.project=${target.project}) | sort -u`,
    );
    assert.is(policies, 'unless-stopped', 'what serves comes back after a reboot');
  } else {
    assert.is(
      await run(`readlink ${target.root}/current`),
      `${releases}/${good?.release}`,
      'current links to what serves',
    );
    assert.is(await run(`systemctl is-active ${target.unit}`), 'active');
    assert.is(
      await run(`pgrep -c -u bib -f 'gunicorn.*${target.port}' || true`),
      '2',
      'one master and one worker of one version',
    );
  }
  return { sha, lines: log.length, outcome: log.at(-1)?.outcome ?? 'none', secondsUntilFree };
}
