// --plan on a real server: nothing at all is written, and what it lists is what then runs.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Droplet } from '../support/droplet/droplet.ts';
import { arsventOnDroplet } from '../support/sites/arsvent.ts';
import { bibliothecaOnDroplet } from '../support/sites/bibliotheca.ts';
import { ended } from '../support/sites/look.ts';
import type { Said, Site } from '../support/sites/site.ts';

/**
 * The whole filesystem: what was changed when, by whom, and every file's bytes (of /usr the times are enough). Left out is
 * what changes by itself on a server nobody touches: the kernel's own trees and /run, Docker's and containerd's state
 * below /var/lib (health checks of running containers write there; Docker is asked what it has instead), the times of the
 * folder /tmp and the file that runc puts there for each such check and takes away, and the records of logins.
 */
async function everything(droplet: Droplet): Promise<string[]> {
  const said = await droplet.root(`
    skip='-path /proc -o -path /sys -o -path /dev -o -path /run -o -path /var/lib/docker -o -path /var/lib/containerd -o -path /var/log/journal'
    find / \\( $skip \\) -prune -o ! -type d -printf '%p %y %m %u %g %s %T@ %C@ %l\\n' -o -type d -printf '%p d %m %u %g %T@ %C@\\n' |
      grep -vE '^/(tmp d 1777|tmp/runc-process[0-9]+|var/log/(lastlog|wtmp|btmp)|etc/(resolv.conf|hosts|hostname|mtab)|\\.dockerenv) ' | sort
    find / \\( $skip -o -path /usr -o -name 'runc-process*' \\) -prune -o -type f ! -name lastlog ! -name wtmp -print0 | sort -z | xargs -0 sha256sum 2>/dev/null
    find /dev/shm /dev/mqueue
    docker ps -a --no-trunc --format '{{.ID}} {{.Names}} {{.Image}} {{.State}}' | sort
    docker inspect -f '{{.Id}} {{.State.StartedAt}} {{.HostConfig.RestartPolicy.Name}}' $(docker ps -aq) 2>/dev/null | sort
    docker images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}' | sort; docker volume ls -q; docker network ls -q --no-trunc | sort
    systemctl list-units --all --no-legend --plain 'bibliotheca*' | cat; systemctl show -p MainPID -p ActiveEnterTimestamp bibliotheca-staging bibliotheca`);
  return said.stdout.split('\n');
}

function same(before: string[], after: string[]): void {
  const [was, is] = [new Set(before), new Set(after)];
  assert.equal(
    {
      gone: before.filter(line => !is.has(line)).slice(0, 20),
      come: after.filter(line => !was.has(line)).slice(0, 20),
    },
    { gone: [], come: [] },
  );
  assert.ok(before.length > 5000, 'the comparison saw the filesystem');
}

type Step = { title: string; skip?: string };
/** Folder names carry the time, which goes on between a plan and its act. */
const plain = (title: string) => title.replace(/\d{8}_\d{6}_/g, '');
const listed = (said: Said) =>
  (said.json.steps as Step[]).filter(step => step.skip === undefined).map(step => plain(step.title));
const ran = (said: Said) => (said.json.steps as Step[]).map(step => plain(step.title));

async function planThenAct(site: Site, droplet: Droplet, words: string[]): Promise<void> {
  const [name = '', ...flags] = words;
  // logrotate and others write by themselves, at midnight
  await droplet.root('systemctl stop "*.timer"');
  const before = await everything(droplet);
  const plan = ended(await site.task(name, ...flags, '--plan', '--json'), 0);
  same(before, await everything(droplet));
  const act = ended(await site.task(name, ...flags, '--json'), 0);
  if (name === 'maintenance') assert.equal(listed(plan), [`Maintenance ${words[1]}`]);
  else
    assert.equal(
      listed(plan).map(title => title.replace(/^Record .*/, 'Record')),
      ran(act),
    );
}

test('a plan for a systemd app writes nothing, and its list is what runs', async () => {
  const { droplet, site, app } = await bibliothecaOnDroplet('planned');
  for (const words of [
    `deploy --env staging --sha ${app.good1}`,
    `deploy --env staging --sha ${app.good2}`,
    'promote --env production',
    'restart --env staging',
    'maintenance on --env staging',
    'rollback --env staging --with-database',
  ])
    await planThenAct(site, droplet, words.split(' '));
  await droplet.remove();
});

test('a plan for a compose app writes nothing, and its list is what runs', async () => {
  const { droplet, site, app } = await arsventOnDroplet('planned-too');
  for (const words of [
    `deploy --env staging --sha ${app.good1}`,
    `deploy --env staging --sha ${app.good2}`,
    'rollback --env staging',
  ])
    await planThenAct(site, droplet, words.split(' '));
});
test.run();
