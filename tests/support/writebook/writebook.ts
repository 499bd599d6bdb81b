// A test double of Writebook as a live target on this machine, with a folder of chapters beside it, and what a person does in its browser.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { processesIn, startTask, type End, type Running } from '../book/book.ts';

export type Page = {
  id: number;
  title: string;
  kind: string;
  status: string;
  text: string | null;
  caption: string | null;
  theme: string | null;
};

/** What the tasks print with --json, as far as tests read it. */
export type Answer = Record<string, unknown> & {
  pages: { path: string; does: string; changes: string[] }[];
  written: number;
};

export type Writebook = {
  folder: string;
  /** The chapters. */
  content: string;
  write(files: Record<string, string | Buffer>, into?: string): void;
  read(path: string, from?: string): string;
  start(task: string, words: string[]): Running;
  /** The task with its JSON. */
  json(task: string, words: string[]): Promise<{ code: number | null; stderr: string; json: Answer }>;
  run(task: string, words: string[]): Promise<End>;
  /** One row of texts per line of the answer. */
  rows(query: string): Record<string, unknown>[];
  /** Active pages of a book in their order. */
  pages(book?: number): Page[];
  /** Runs Ruby in the application. */
  ruby(program: string): string;
  /** Ends the application's programs at once, as a server that goes down. */
  kill(): void;
  clean(): void;
};

const sha = '9'.repeat(40);
const release = '20260101_000000_9999999';

export async function makeWritebook(): Promise<Writebook> {
  const folder = mkdtempSync(join(tmpdir(), 'bookops-writebook-'));
  const root = join(folder, 'staging');
  const app = join(root, 'releases', release);
  const content = join(folder, 'content');
  mkdirSync(join(root, 'shared/storage'), { recursive: true });
  mkdirSync(content);
  cpSync(join(import.meta.dirname, 'app'), app, { recursive: true });
  symlinkSync(join(root, 'shared/storage'), join(app, 'storage'));
  writeFileSync(
    join(root, 'releases/releases.log'),
    `2026-01-01T00:00:00Z env=staging sha=${sha} release=${release}\n`,
  );
  writeFileSync(join(root, 'releases/current_release'), `${sha}\n`);
  symlinkSync(join('releases', release), join(root, 'current'));
  writeFileSync(
    join(folder, 'ops.yml'),
    `hosts: { here: local }
apps:
  writebook:
    host: here
    repo: ./repo
    runtime: process
    process: { start: exec bin/boot, shared: [storage] }
    health: { ready: http://127.0.0.1:9/up }
    environments: { staging: { root: ${root} } }
`,
  );

  // from elsewhere, so that who ends the programs of the application does not end this
  const booted = spawn(join(app, 'bin', 'rails'), ['server'], {
    cwd: '/',
    argv0: 'booted',
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(booted.stdout, 'data');

  const database = join(root, 'shared/storage/db/production.sqlite3');
  const rows: Writebook['rows'] = query => {
    const { stdout, stderr } = spawnSync('sqlite3', ['-json', '-cmd', '.timeout 5000', database, query], {
      encoding: 'utf8',
      maxBuffer: 1e9,
    });
    if (stderr) throw new Error(stderr);
    return stdout ? JSON.parse(stdout) : [];
  };
  const start: Writebook['start'] = (task, words) => startTask(folder, task, words);
  return {
    folder,
    content,
    rows,
    start,
    run: (task, words) => start(task, words).ended,
    async json(task, words) {
      const { code, stdout, stderr } = await start(task, [...words, '--json']).ended;
      return { code, stderr, json: JSON.parse(stdout || '{}') as Answer };
    },
    write(files, into = content) {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(into, path)), { recursive: true });
        writeFileSync(join(into, path), text);
      }
    },
    read: (path, from = content) => readFileSync(join(from, path), 'utf8'),
    pages: (book = 1) =>
      rows(`SELECT l.id, l.title, l.leafable_type AS kind, l.status, coalesce(m.content, s.body) AS text, p.caption, s.theme
        FROM leaves l
        LEFT JOIN action_text_markdowns m ON m.record_type = 'Page' AND l.leafable_type = 'Page' AND m.record_id = l.leafable_id
        LEFT JOIN sections s ON l.leafable_type = 'Section' AND s.id = l.leafable_id
        LEFT JOIN pictures p ON l.leafable_type = 'Picture' AND p.id = l.leafable_id
        WHERE l.book_id = ${book} AND l.status = 'active' ORDER BY l.position_score, l.id`) as Page[],
    ruby(program) {
      const file = join(folder, 'browser.rb');
      writeFileSync(file, program);
      const { status, stdout, stderr } = spawnSync(join(app, 'bin', 'rails'), ['runner', file], {
        cwd: app,
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(stderr);
      return stdout;
    },
    kill() {
      for (const pid of processesIn(app)) if (pid !== booted.pid) end(pid);
    },
    clean() {
      booted.kill('SIGKILL');
      for (const pid of processesIn(folder)) end(pid);
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The smallest thing that an image's first bytes can say; `mark` makes it another image. */
export function png(mark: string): Buffer {
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.from(mark)]);
}

/** Each file below a folder, with its content. */
export function filesBelow(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    names
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name))
      .toSorted()
      .map(path => [path.slice(folder.length + 1), readFileSync(path, 'latin1')]),
  );
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended by itself meanwhile
  }
}
