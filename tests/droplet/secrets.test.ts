// No secret leaves its place: canaries in env files and the registry's password are looked for everywhere after everything was run.
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { arsventOnDroplet, arsventRoot } from '../support/sites/arsvent.ts';
import { ended } from '../support/sites/look.ts';
import { makeSite, type Said } from '../support/sites/site.ts';

const { droplet, registry, app, site } = await arsventOnDroplet('secrets', ['badMigration']);
// of this run only: other tests on this machine use the same example
const canary = `canary-${process.pid}-`;
await droplet.root(
  `sed -i 's/canary-/${canary}/' ${Object.values(arsventRoot)
    .map(root => `${root}/env/backend.env`)
    .join(' ')}`,
);
const wrong = `wrong-${process.pid}-password`;
const secrets = [canary, registry.password, wrong];
const hits = (text: string) => secrets.filter(secret => text.includes(secret)).length;
const said: [string, Said][] = [];

async function run(code: number | undefined, words: string, by = site): Promise<void> {
  const [name = '', ...rest] = words.split(' ');
  const one = await by.task(name, ...rest);
  if (code !== undefined) ended(one, code);
  said.push([words, one]);
}

/** Every argument list on this machine, as often as possible. */
const here = { samples: 0, found: [] as string[] };
const sampling = setInterval(() => {
  here.samples++;
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      if (hits(words)) here.found.push(words);
    } catch {
      // ended in between
    }
  }
}, 50);
await droplet.root(
  `touch /run/sampling; setsid bash -c 'while [ -e /run/sampling ]; do cat /proc/[0-9]*/cmdline | tr "\\0" " "; echo; sleep 0.05; done >/run/samples 2>/dev/null' </dev/null >/dev/null 2>&1 &`,
);

test('no task says a secret, whatever is asked of it and however it ends', async () => {
  await run(0, 'config check');
  await run(0, 'config show --env staging');
  await run(0, 'config show --env staging --json');
  const stranger = makeSite(readFileSync(`${site.folder}/ops.yml`, 'utf8'), { GHCR_TOKEN: wrong });
  await run(1, `deploy --env staging --sha ${app.good1} --verbose`, stranger);
  await run(0, `deploy --env staging --sha ${app.good1} --plan`);
  await run(0, `deploy --env staging --sha ${app.good1} --plan --json --verbose`);
  await run(0, `deploy --env staging --sha ${app.good1} --verbose`);
  await run(0, `deploy --env staging --sha ${app.good2} --json`);
  await run(1, `deploy --env staging --sha ${app.badMigration} --verbose --json`);
  await run(0, 'promote --env production --verbose');
  await run(0, 'rollback --env staging --verbose');
  await run(0, 'restart --env staging --verbose');
  await run(0, 'maintenance on --env staging --verbose');
  await run(0, 'maintenance off --env staging');
  await run(0, 'status --verbose');
  await run(0, 'status --json');
  await run(0, 'releases --env staging --json');
  await run(0, 'releases show --env staging');
  await run(0, 'logs --env staging');
  await run(0, 'exec --env staging -- node --version');
  await run(undefined, 'doctor --env staging --verbose');
  const file = `${arsventRoot.staging}/env/backend.env`;
  // the change is read from a pipe: as an argument, the samples would find it now and then
  await droplet.root(`cp -p ${file} /root/good.env; sed -i -f /dev/stdin ${file} <<'END'
s/^SESSION_SECRET=.*/SESSION_SECRET=${canary}short/
s/^APP_ENV=.*/APP_ENV=${canary}x/
s/^DISCORD_CLIENT_ID=.*/DISCORD_CLIENT_ID=${canary}y/
s/^FRONTEND_ORIGIN=.*/FRONTEND_ORIGIN=http:\\/\\/${canary}z/
END`);
  await run(3, `deploy --env staging --sha ${app.good2} --verbose`);
  await droplet.root(`mv /root/good.env ${file}`);
  for (const [words, { stdout, stderr }] of said)
    assert.is(hits(stdout + stderr), 0, `${words} said a secret:\n${stdout}${stderr}`);
});

test('no process list ever showed one, here or on the server', async () => {
  clearInterval(sampling);
  await droplet.root('rm /run/sampling; sleep 0.3');
  assert.ok(here.samples > 200, `${here.samples} samples here`);
  assert.equal(here.found, []);
  const there = await droplet.root(
    `wc -l </run/samples; grep -cF ${secrets.map(secret => `-e '${secret}'`).join(' ')} /run/samples; grep -c 'docker login' /run/samples`,
  );
  const [samples = '0', found, logins = '0'] = there.stdout.trim().split('\n');
  assert.ok(Number(samples) > 200, `${samples} samples on the server`);
  assert.ok(Number(logins) > 0, 'the samples caught a login to the registry at work');
  assert.is(found, '0');
});

test('no file of the server holds one but the env files, which only their owner can read', async () => {
  // Docker itself keeps the environment of containers, readable by root only, below /var/lib/docker and /run/containerd
  const patterns = secrets.map(secret => `-e '${secret}'`).join(' ');
  const found = await droplet.root(`
    find / -xdev \\( -path /proc -o -path /sys -o -path /var/lib/docker -o -path /var/lib/containerd \\) -prune -o -type f -print0 | xargs -0 grep -laF ${patterns}
    find /tmp /dev/shm /run \\( -path /run/containerd -o -path /run/docker -o -path '/run/log/journal' \\) -prune -o -type f -print0 | xargs -0r grep -laF ${patterns}
    journalctl --sync; journalctl -q -a -o export | grep -aF ${patterns}`);
  assert.equal(
    found.stdout.trim().split('\n').sort(),
    [arsventRoot.production, arsventRoot.staging].map(root => `${root}/env/backend.env`),
  );
  const modes = await droplet.root(
    `stat -c %a ${arsventRoot.staging}/env/backend.env ${arsventRoot.production}/env/backend.env; ls -d /home/deploy/.docker`,
  );
  assert.is(modes.stdout, '600\n600\n');
});
test.run();
