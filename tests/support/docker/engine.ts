// An engine of containers as a folder (docker.sh), and what is true in it and in a compose target's files, whatever the containers' ids are.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listed, makeScratch } from '../faults/undo-failures.ts';

export type Engine = {
  /** Its state. */
  folder: string;
  environment: Record<string, string>;
  /** What it has, without ids. `image`: only containers of that one. */
  shown(image?: string): unknown[];
  /** Every file below a root, with names for ids. */
  files(root: string): Record<string, string>;
};

export function makeEngine(): Engine {
  const [folder, bin] = [makeScratch('engine'), makeScratch('bin')];
  for (const name of ['containers', 'images', 'networks']) mkdirSync(join(folder, name));
  for (const name of ['changes', 'next']) writeFileSync(join(folder, name), '0\n');
  writeFileSync(join(folder, 'images/bookops-empty:latest'), 'sha256:empty\n');
  writeFileSync(join(bin, 'docker'), readFileSync(join(import.meta.dirname, 'docker.sh')), { mode: 0o755 });
  const read = (...at: string[]) => readFileSync(join(folder, ...at), 'utf8').trim();
  const containers = () =>
    readdirSync(join(folder, 'containers')).map(id => ({
      id,
      is: Object.fromEntries(
        read('containers', id)
          .split('\n')
          .map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      ),
    }));
  return {
    folder,
    environment: { ENGINE: folder, PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    shown: image => [
      containers()
        .filter(({ is }) => image === undefined || is.image === image)
        .map(({ is }): Record<string, string> => ({
          ...is,
          nets: (is.nets ?? '').split(/\\? /).map(nameOf).toSorted().join(' '),
        })) // prettier-ignore
        .toSorted((one, other) => String(one.name).localeCompare(String(other.name))),
      ...(image === undefined
        ? [
            readdirSync(join(folder, 'images')).map(name => [name, read('images', name)]),
            readdirSync(join(folder, 'networks')).map(nameOf).toSorted(),
          ]
        : []),
    ],
    files: root => {
      const names = new Map(containers().map(({ id, is }) => [id, is.name]));
      return Object.fromEntries(
        Object.entries(listed(root)).map(([path, is]) => {
          const [mode = '', content = ''] = is.split(' ');
          const text = Buffer.from(content, 'base64').toString();
          return [path, `${mode} ${text.replaceAll(/\b[0-9a-f]{64}\b/g, id => names.get(id) ?? 'a container that is gone')}`]; // prettier-ignore
        }),
      );
    },
  };

  function nameOf(network: string): string {
    return network && network !== "''" ? read('networks', network) : '';
  }
}

/**
 * Answers 200 while a file of `folder` says that `service` runs there: a container's, or a unit's, whose name begins with it.
 * @returns its URL, and what ends it
 */
export async function answering(folder: string, service: string): Promise<{ url: string; end(): void }> {
  const text = `const { readdirSync, readFileSync } = require('node:fs');
const [, folder, service] = process.argv;
const runs = name => {
  const is = readFileSync(folder + '/' + name, 'utf8');
  return name.startsWith(service + '.') ? is === 'active\\n' : is.includes('service=' + service + '\\n') && is.includes('state=running\\n');
};
const server = require('node:http').createServer((_, answer) => {
  answer.statusCode = readdirSync(folder).some(runs) ? 200 : 503;
  answer.end();
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit()).resume();`;
  const child = spawn(process.execPath, ['-e', text, folder, service], { stdio: ['pipe', 'pipe', 'inherit'] });
  const port = await new Promise<string>(resolve => child.stdout.once('data', (said: Buffer) => resolve(String(said))));
  return { url: `http://127.0.0.1:${port.trim()}/up`, end: () => child.stdin.end() };
}
