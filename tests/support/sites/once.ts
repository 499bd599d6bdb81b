// An app of ONCE on a droplet: the stand-in CLI, images of three commits in a registry, and an ops.yml of its own.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDroplet, type Droplet } from '../droplet/droplet.ts';
import { startRegistry, type Registry } from '../droplet/registry.ts';
import { hostLines, makeSite, type Site } from './site.ts';

const support = new URL('../once/', import.meta.url).pathname;
export const onceHost = 'book.example.test';
export const onceRoot = '/opt/book/production';

export type OnceSite = {
  droplet: Droplet;
  registry: Registry;
  site: Site;
  /** Two good commits. */
  good1: string;
  good2: string;
  /** Never gets healthy. */
  bad: string;
  /** Healthy, and says that it is another version. */
  wrong: string;
  /** What was asked of ONCE since the last time. */
  calls(): Promise<string[]>;
  /** A power cut, and the server up again. */
  powerCut(): Promise<void>;
  /** What goes wrong next in the stand-in: words. */
  faults(words: string): Promise<void>;
};

export async function onceOnDroplet(name: string): Promise<OnceSite> {
  const [droplet, registry] = [await startDroplet(name), await startRegistry()];
  const repo = mkdtempSync(join(tmpdir(), 'bookops-once-'));
  const git = (...words: string[]) =>
    execFileSync('git', ['-c', 'user.name=Ana', '-c', 'user.email=ana@books.test', '-C', repo, ...words], { encoding: 'utf8' }).trim(); // prettier-ignore
  git('init', '--quiet', '--initial-branch=main');
  const commit = async (message: string, ready: boolean, says?: string) => {
    git('commit', '--quiet', '--allow-empty', '--message', message);
    const sha = git('rev-parse', 'HEAD');
    const context = mkdtempSync(join(tmpdir(), 'bookops-once-image-'));
    cpSync(join(support, 'app'), context, { recursive: true });
    writeFileSync(join(context, 'version.json'), JSON.stringify({ version: says ?? sha, ready }));
    await registry.pushImage('writebook', sha, context);
    return sha;
  };
  const good1 = await commit('A book', true);
  const good2 = await commit('A better book', true);
  const bad = await commit('A book without its index', false);
  const wrong = await commit('Built from another commit', true, '0'.repeat(40));

  await droplet.write('/usr/local/bin/once', readFileSync(join(support, 'once.py'), 'utf8'), '755');
  const said = await droplet.root(`set -e
    systemctl disable --now nginx
    touch /var/log/once-calls /etc/once-faults && chmod 666 /var/log/once-calls /etc/once-faults
    install -d -o deploy -g deploy ${onceRoot}
    runuser -u deploy -- env HOME=/home/deploy docker login -u ${registry.username} --password-stdin ${registry.server} <<<'${registry.password}'`);
  if (said.code !== 0) throw new Error(said.stderr);
  // the file is made anew at each boot
  const named = async () => void (await droplet.root(`echo '127.0.0.1 ${onceHost}' >>/etc/hosts`));
  await named();
  const identity = join(repo, 'identity');
  execFileSync('age-keygen', ['-o', identity], { stdio: 'ignore' });
  const recipient = /public key: (\S+)/.exec(readFileSync(identity, 'utf8'))?.[1] ?? '';
  const ops = `hosts:
  vps:
${hostLines(droplet)}stores:
  disk: { kind: path, folder: ./store }
apps:
  book:
    repo: ${repo}
    environments:
      production:
        host: vps
        root: ${onceRoot}
        runtime: once
        once: { host: ${onceHost}, image: ${registry.server}/writebook, tls: false }
        health:
          ready: http://${onceHost}/up
          version: { url: 'http://${onceHost}/up', header: { name: X-Rev, value: '{sha}' } }
          deadline: 5s
        backup:
          stores: [disk]
          encrypt: { recipients: [${recipient}], identity: { file: ${identity} } }
`;
  let read = 0;
  return {
    droplet,
    registry,
    site: makeSite(ops),
    good1,
    good2,
    bad,
    wrong,
    async calls() {
      const all = (await droplet.root('cat /var/log/once-calls')).stdout.split('\n').filter(Boolean);
      const fresh = all.slice(read);
      read = all.length;
      return fresh;
    },
    async powerCut() {
      await droplet.killHard();
      await droplet.startAgain();
      await named();
      read = 0;
    },
    async faults(words) {
      await droplet.root(`echo '${words}' >/etc/once-faults`);
    },
  };
}
