// A person's place to work from: a folder with ops.yml, the real tasks, and what they said.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawn, type ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startOf } from '../../transpiled.ts';
import type { Droplet } from '../droplet/droplet.ts';

export type Said = { code: number; stdout: string; stderr: string; json: Record<string, unknown>; seconds: number };

export type Site = {
  folder: string;
  /** The person's HOME, with an empty .ssh. */
  home: string;
  /** Runs the task to its end, as a person would; --json is read into `json`. */
  task(name: string, ...words: string[]): Promise<Said>;
  /** The same, still running. */
  start(name: string, ...words: string[]): Running;
  /** Rewrites ops.yml. */
  rewrite(change: (text: string) => string): void;
};

export type Running = {
  child: ChildProcess;
  ended: Promise<Said>;
  output(): string;
  until(reached: RegExp | ((output: string) => boolean)): Promise<void>;
};

const root = new URL('../../../', import.meta.url).pathname;

/** A fresh folder that holds `ops`; removed when the test process ends. */
export function makeSite(ops: string, environment: Record<string, string> = {}): Site {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-site-'));
  const unended = new Map<ChildProcess, () => string>();
  // who was ended because it took too long wants to know what it waited for
  process.prependListener('exit', () => {
    for (const told of unended.values()) console.error(`not ended: ${told()}`);
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, 'ops.yml');
  writeFileSync(file, ops);
  const home = join(folder, 'home');
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 });
  const { GITHUB_ACTIONS: _, SSH_AUTH_SOCK: __, ...mine } = process.env;
  const env: NodeJS.ProcessEnv = { ...mine, HOME: home, NO_COLOR: '1', ...environment };

  const start = (name: string, ...words: string[]): Running => {
    const began = performance.now();
    const child = spawn(process.execPath, [...startOf(name), '--config', file, ...words], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    unended.set(child, () => `${name} ${words.join(' ')}\n${stderr}`);
    child.once('close', () => unended.delete(child));
    const waiting = new Set<() => void>();
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      for (const look of waiting) look();
    });
    const ended = new Promise<Said>(resolve =>
      child.on('close', (code, signal) =>
        resolve({
          code: code ?? (signal === 'SIGKILL' ? 137 : 1),
          stdout,
          stderr,
          json: parsed(stdout),
          seconds: (performance.now() - began) / 1000,
        }),
      ),
    );
    const until = (reached: RegExp | ((output: string) => boolean)) =>
      new Promise<void>((resolve, reject) => {
        const look = () => {
          if (!(reached instanceof RegExp ? reached.test(stderr) : reached(stderr))) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        void ended.then(() => reject(new Error(`ended before that:\n${stderr}`)));
      });
    return { child, ended, output: () => stderr, until };
  };
  return {
    folder,
    home,
    start,
    task: (name, ...words) => start(name, ...words).ended,
    rewrite(change) {
      writeFileSync(file, change(readFileSync(file, 'utf8')));
    },
  };
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** The lines of `hosts: vps:` for a droplet, or for a way to it. */
export function hostLines(droplet: Droplet, way: { host?: string; port?: number } = {}): string {
  const { host = droplet.ip, port = droplet.sshPort } = way;
  return `    ssh: deploy@${host}:${port}\n    host_key: ${droplet.hostKeyLine}\n    identity: ${droplet.identityFile}\n`;
}

/** An example's ops.yml, its host replaced by the droplet, without the site: what a proxy adds has tests of its own. */
export function example(
  name: 'arsvent' | 'bibliotheca',
  droplet: Droplet,
  way?: { host?: string; port?: number },
): string {
  const text = readFileSync(join(root, `examples/${name}/ops.yml`), 'utf8');
  return text.replace(/^ {4}ssh: .*\n( {4}#.*\n)*/m, hostLines(droplet, way)).replace(/^( +)site:.*\n(\1 .*\n)+/gm, '');
}
