// An upstream as a bare repository, a person's repository with its origin, and ops.yml that joins them: all on this machine.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { makeSite, type Site } from '../sites/site.ts';

export type Clone = {
  folder: string;
  git(...words: string[]): string;
  /** Writes files and commits them with that message, byte for byte. @returns the SHA */
  commit(message: string, files?: Record<string, string | Buffer | undefined>): string;
};

let seconds = Date.parse('2026-11-20T12:00:00Z') / 1000;

/** A clone in a folder of its own, with a person in it. */
export function makeClone(folder: string, scratch: string): Clone {
  const git = (...words: string[]) => run(words);
  const run = (words: string[], input?: string) =>
    execFileSync('git', ['-C', folder, '-c', 'protocol.file.allow=always', ...words], {
      encoding: 'utf8',
      input: input ?? '',
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: scratch,
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_AUTHOR_NAME: 'Ana Ñandú',
        GIT_AUTHOR_EMAIL: 'ana@books.test',
        GIT_COMMITTER_NAME: 'Ana',
        GIT_COMMITTER_EMAIL: 'ana@books.test',
        GIT_AUTHOR_DATE: `${seconds} +0100`,
        GIT_COMMITTER_DATE: `${seconds} +0100`,
      },
    }).trim();
  return {
    folder,
    git,
    commit(message, files = {}) {
      seconds += 60;
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        if (content === undefined) rmSync(join(folder, path));
        else writeFileSync(join(folder, path), content);
      }
      git('add', '--all');
      run(['commit', '--quiet', '--allow-empty', '--cleanup=whitespace', '--file=-'], message);
      return git('rev-parse', 'HEAD');
    },
  };
}

export const text = (...lines: string[]) => `${lines.join('\n')}\n`;
export const layout = text('<html>', '<head>', '  <title>Book</title>', '</head>', '<body>', '  <%= yield %>', '</body>', '</html>'); // prettier-ignore
export const styles = text(':root {', '  --paper: white;', '  --ink: black;', '}', '', 'h1 {', '  margin: 0;', '}');

export type Patched = {
  scratch: string;
  /** Where upstream's people work; `push` brings it into `bare`. */
  upstream: Clone;
  bare: string;
  own: Clone;
  origin: string;
  site: Site;
  /** Where programs put what is temporary. */
  temporary: string;
  first: string;
  remove(): void;
};

/** @param more keys below build.upstream, one a line */
export function makePatched(more: string[] = [], variables: Record<string, string> = {}): Patched {
  const scratch = mkdtempSync(join(tmpdir(), 'bookops-test-upstream-'));
  const [work, bare, own, origin, temporary] = ['work', 'upstream.git', 'own', 'origin.git', 'tmp'].map(name => join(scratch, name)) as [string, string, string, string, string]; // prettier-ignore
  for (const folder of [work, bare, own, origin, temporary]) mkdirSync(folder);
  const upstream = makeClone(work, scratch);
  const mine = makeClone(own, scratch);
  for (const folder of [bare, origin]) makeClone(folder, scratch).git('init', '--quiet', '--bare', '--initial-branch=main'); // prettier-ignore
  for (const [{ git }, remote] of [
    [upstream, bare],
    [mine, origin],
  ] as const) {
    // prettier-ignore
    git('init', '--quiet', '--initial-branch=main');
    git('remote', 'add', 'origin', remote);
  }
  writeFileSync(join(work, 'start'), '#!/bin/sh\n');
  chmodSync(join(work, 'start'), 0o755);
  const first = upstream.commit('First', {
    'app/layout.html.erb': layout,
    'app/styles.css': styles,
    'app/old-name.css': text('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
    'app/dos.txt': 'one\r\ntwo\r\nthree\r\n',
    'app/cover.png': Buffer.from([0x89, 0x50, 0, 1, 2, 3]),
    Dockerfile: 'FROM scratch\nCOPY . /\nARG UPSTREAM_COMMIT\n',
    'Gemfile.lock': text('GEM', '  specs:', '    rails (8.0.1)', '    rake (13.0)', '      nested (1.0)'),
  });
  upstream.git('tag', 'v1.0');
  upstream.git('push', '--quiet', 'origin', 'main', 'v1.0');
  mine.commit('A book', {
    'compose.yml': 'services: { web: { image: "ghcr.io/ana/book:${IMAGE_TAG}" } }\n',
    'brand/custom.css': 'h1 { color: teal }\n',
    'brand/fonts/book.woff2': Buffer.from([0, 1, 2, 255]),
  });
  mine.git('push', '--quiet', 'origin', 'main');
  const site = makeSite(
    `hosts: { here: local }
apps:
  book:
    host: here
    repo: ${own}
    root: /srv/book
    runtime: compose
    compose: { file: compose.yml, service: web, registry: { server: ghcr.io, username: Ana, password: { env: T } } }
    health: { ready: http://127.0.0.1:8000/up }
    build:
      upstream:
        repository: ${bare}
        patches: patches/book
${more.map(line => `        ${line}\n`).join('')}    environments: { staging: {} }
`,
    { TMPDIR: temporary, ...variables },
  );
  return { scratch, upstream, bare, own: mine, origin, site, temporary, first, remove: () => rmSync(scratch, { recursive: true }) }; // prettier-ignore
}

/** Names → bytes, of the files in a folder. */
export function bytesIn(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map(name => [name, readFileSync(join(folder, name)).toString('latin1')]),
  );
}
