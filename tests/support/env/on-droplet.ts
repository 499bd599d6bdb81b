// What the real readers of a server make of environment files: systemd that started, Docker Compose, bash and dash. Nothing here is ours.
import * as assert from 'uvu/assert';
import type { Droplet } from '../droplet/droplet.ts';
import { seeded } from '../faults/hostile.ts';
import { parseEnvFile } from '../../../lib/env/grammar.ts';
import { envLine, environmentIn, judged, same, type Said } from './lines.ts';

const readers = ['bash', 'dash', 'systemd', 'compose'] as const;
type Reader = (typeof readers)[number];

const place = '/run/env-lines';
const home = 'HOME=/home/of-the-reader';
const atOnce = 200;

/** Each text is a file of its own. */
async function readBy(droplet: Droplet, by: Reader, texts: string[]): Promise<Said[]> {
  const found: Said[] = [];
  for (let from = 0; from < texts.length; from += atOnce) {
    const some = texts.slice(from, from + atOnce);
    const files = some.map((text, index) => `${index} ${Buffer.from(text).toString('base64')}\n`).join('');
    await droplet.write(`${place}/texts`, files);
    await run(
      droplet,
      'rm -rf lines; mkdir -m 777 lines; while read -r name text; do base64 -d <<<"$text" >lines/$name.env; done <texts',
    );
    found.push(...(by === 'compose' ? await byCompose(droplet, some) : await inFiles(droplet, by, some.length)));
  }
  return found;
}

async function run(droplet: Droplet, script: string): Promise<string> {
  const { code, stdout, stderr } = await droplet.root(`cd ${place} || exit 1\n${script}`);
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${stderr}`);
  return stdout;
}

/** What a line runs in a shell is run by nobody, who has no programs. */
async function inFiles(droplet: Droplet, by: Exclude<Reader, 'compose'>, count: number): Promise<Said[]> {
  const last = count - 1;
  const shell = `cd lines
i=0
while [ $i -le ${last} ]; do
  (set -a; . ./$i.env; exec /usr/bin/env -0) >$i.said 2>$i.complaint </dev/null && [ ! -s $i.complaint ] || /bin/rm -f $i.said
  i=$((i + 1))
done`;
  const unit = `[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nEnvironmentFile=${place}/lines/%i.env\nExecStart=/usr/bin/env -0\nStandardOutput=file:${place}/lines/%i.said\n`;
  if (by === 'systemd') {
    await droplet.write('/etc/systemd/system/env-line@.service', unit);
    await run(
      droplet,
      `systemctl daemon-reload; systemctl start $(printf 'env-line@%s ' $(seq 0 ${last})) 2>/dev/null || true`,
    );
  } else {
    await droplet.write(`${place}/shell`, shell);
    await run(
      droplet,
      `setpriv --reuid nobody --regid nogroup --clear-groups env -i ${home} PATH=/nonexistent /bin/${by} ${place}/shell`,
    );
  }
  const said = await run(
    droplet,
    `for i in $(seq 0 ${last}); do if [ -s lines/$i.said ]; then base64 -w0 lines/$i.said; else printf -; fi; echo; done`,
  );
  return said
    .trimEnd()
    .split('\n')
    .map(line => (line === '-' ? 'refused' : environmentIn(Buffer.from(line, 'base64').toString())));
}

type Composed = { services: Record<string, { environment?: Record<string, string | null> }> };

/** A service per text; when Compose refuses one, it does not always say which. */
async function byCompose(droplet: Droplet, texts: string[]): Promise<Said[]> {
  const found: Said[] = texts.map(() => 'refused');
  const ask = async (names: number[]): Promise<void> => {
    const services = names.map(name => [`s${name}`, { image: 'x', env_file: [`${place}/lines/${name}.env`] }]);
    await droplet.write(`${place}/compose.yml`, JSON.stringify({ services: Object.fromEntries(services) }));
    const { code, stdout } = await droplet.root(
      `cd ${place} && env -i ${home} PATH=/usr/bin:/bin docker compose -p x -f compose.yml config --format json`,
    );
    if (code !== 0) {
      const half = names.length >> 1;
      for (const part of half ? [names.slice(0, half), names.slice(half)] : []) await ask(part);
      return;
    }
    const { services: read } = JSON.parse(stdout) as Composed;
    for (const name of names) {
      const all = Object.entries(read[`s${name}`]?.environment ?? {});
      // a name alone is taken from whoever starts Compose, who has none
      found[name] = new Map(
        all.flatMap(([key, value]) => (value === null ? [] : [[key, value.replaceAll('$$', '$')]])),
      );
    }
  };
  await ask([...texts.keys()]);
  return found;
}

/** `count` lines by chance: all that we accept in one file, which everybody reads as we do. @returns the lines that we refuse */
export async function acceptedAlike(droplet: Droplet, seed: number, count: number): Promise<string[]> {
  const random = seeded(seed);
  const lines = Array.from({ length: count }, (_, index) => envLine(random, index));
  const good = lines.filter(line => judged(line));
  assert.ok(good.length > count / 4, String(good.length));
  const text = `${good.join('\n')}\n`;
  const { values } = parseEnvFile(text);
  for (const by of readers) {
    const [said] = await readBy(droplet, by, [text]);
    assert.ok(said && same(said, values), `seed ${seed}: ${by} reads it differently`);
  }
  return lines.filter(line => !judged(line));
}

/** Of lines that we refuse, those that all read alike all the same, by the reason that we gave. */
export async function needlesslyRefused(droplet: Droplet, refused: string[]): Promise<Map<string, string[]>> {
  let lines = refused;
  let before: Said[] | undefined;
  for (const by of readers) {
    const said = await readBy(droplet, by, lines.map(line => `${line}\n`)); // prettier-ignore
    const alike = (one: Said | undefined, index: number) =>
      one !== undefined && one !== 'refused' && one.size > 0 && (!before || same(one, before[index] ?? 'refused'));
    const kept = [...lines.keys()].filter(index => alike(said[index], index));
    lines = kept.map(index => lines[index] ?? '');
    before = kept.map(index => said[index] ?? 'refused');
  }
  const found = new Map<string, string[]>();
  for (const line of lines) {
    const reason = parseEnvFile(`${line}\n`).problems[0]?.text.replace(/: write .*|: there is no form.*/s, '') ?? '';
    found.set(reason, [...(found.get(reason) ?? []), line]);
  }
  return found;
}
