// A preview that runs as a person starts it, and what a browser asks it.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export type Answer = { status: number; headers: IncomingHttpHeaders; body: Buffer; text: string };

export type Preview = {
  /** The folder with `content` in it. */
  folder: string;
  child: ChildProcess;
  said: { stdout: string; stderr: string };
  port: number;
  /** As a browser asks; `headers` may say another Host. The path goes over the wire as it is written here. */
  get(path: string, headers?: Record<string, string>, method?: string): Promise<Answer>;
  /** The events that a page gets from now on. `page`: its path, empty for the contents. */
  follow(page: string, seen?: string): Promise<{ reloads(): number; until(count: number): Promise<void>; end(): void }>;
  /** Ends it as Ctrl-C does. */
  end(): Promise<number | null>;
};

const root = join(import.meta.dirname, '../../..');

/** Files below `content`. Replaced by a rename when `replace`, as many editors do. */
export function writeInto(folder: string, files: Record<string, string | Buffer>, replace = false): void {
  for (const [name, text] of Object.entries(files)) {
    const file = join(folder, 'content', name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(replace ? `${file}~` : file, text);
    if (replace) renameSync(`${file}~`, file);
  }
}

export function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-preview-'));
  mkdirSync(join(folder, 'content'));
  return folder;
}

export function startPreview(folder: string, words: string[]): { child: ChildProcess; said: Preview['said'] } {
  const program = ['--import', import.meta.resolve('tsx'), join(root, 'tasks/preview-book.ts'), ...words];
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'] };
  const child = spawn('node', program, { cwd: folder, env });
  // after a test that failed, nobody ends it
  const limit = setTimeout(() => child.kill('SIGKILL'), 120_000);
  child.on('close', () => clearTimeout(limit));
  limit.unref();
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', chunk => (said.stdout += chunk));
  child.stderr.on('data', chunk => (said.stderr += chunk));
  return { child, said };
}

export async function preview(files: Record<string, string | Buffer>, words: string[] = []): Promise<Preview> {
  const folder = emptyFolder();
  writeInto(folder, files);
  const { child, said } = startPreview(folder, ['content', '--port', '0', ...words]);
  await until(
    () => /http:\S+:(\d+)\//.test(said.stdout),
    () => said.stderr,
  );
  const port = Number(/http:\S+:(\d+)\//.exec(said.stdout)?.[1]);
  return {
    folder,
    child,
    said,
    port,
    get: (path, headers = {}, method = 'GET') => ask(port, path, headers, method),
    follow: (page, seen) => follow(port, page, seen),
    async end() {
      const closed = once(child, 'close');
      child.kill('SIGINT');
      await closed;
      rmSync(folder, { recursive: true });
      return child.exitCode;
    },
  };
}

export async function until(is: () => boolean, found: () => string = () => ''): Promise<void> {
  for (let waited = 0; !is(); waited += 20) {
    if (waited > 20_000) throw new Error(`it never came to that: ${found()}`);
    await pause(20);
  }
}

function ask(port: number, path: string, headers: Record<string, string>, method: string): Promise<Answer> {
  return new Promise((done, fail) => {
    const asking = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, response => {
      const pieces: Buffer[] = [];
      response.on('data', piece => pieces.push(piece));
      response.on('error', fail);
      response.on('end', () => {
        const body = Buffer.concat(pieces);
        done({ status: response.statusCode ?? 0, headers: response.headers, body, text: body.toString() });
      });
    });
    asking.on('error', fail);
    asking.end();
  });
}

async function follow(port: number, page: string, seen?: string): ReturnType<Preview['follow']> {
  const shown = seen ?? /data-seen="([^"]+)"/.exec((await ask(port, '/', {}, 'GET')).text)?.[1] ?? '';
  let events = '';
  const asking = request({
    host: '127.0.0.1',
    port,
    path: `/-/changes?${new URLSearchParams({ page, seen: shown }).toString()}`,
    agent: false,
  });
  asking.on('error', () => {});
  asking.end();
  const [response] = await once(asking, 'response');
  response.on('data', (piece: Buffer) => (events += piece.toString()));
  response.on('error', () => {});
  const reloads = () => events.split('event: reload').length - 1;
  await until(() => events.includes('retry:'));
  return {
    reloads,
    until: count =>
      until(
        () => reloads() >= count,
        () => `${reloads()} of ${count}`,
      ),
    end: () => asking.destroy(),
  };
}
