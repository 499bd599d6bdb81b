// The backed-up book with people who are told: receivers of alerts, programs of the test's own, settings that change.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { receiver } from '../alert/receiver.ts';
import { makeBackedUpBook, type BackedUp } from './backed-up.ts';
import type { End } from './book.ts';

export type News = { subject: string; what: string; says: string; advice?: string };
export type Heard = { app: string; environment: string; state: string; news: News[] };

export type Watched = BackedUp & {
  /** More settings of `backup:`; the alerts hook, ping and mail are at the top. */
  configure(more: string): void;
  /** Where the alert `hook` goes; undefined: to the receiver. */
  hookTo(url?: string): void;
  /** A program that comes before the machine's own. */
  program(name: string, text: string): void;
  /** Runs a task with those programs, which must end with that code. */
  must(code: number, task: string, ...words: string[]): Promise<End>;
  /** What the hook has heard since the last call, and where the pings went. */
  told(): Heard[];
  pings(): (string | undefined)[];
  stop(): Promise<void>;
};

export async function makeWatchedBook(): Promise<Watched> {
  const book = await makeBackedUpBook();
  const [hook, ping] = [await receiver(), await receiver()];
  const bin = join(book.folder, 'bin');
  const ops = join(book.folder, 'ops.yml');
  const plain = readFileSync(ops, 'utf8');
  mkdirSync(bin);
  const hookTo = (url = hook.url) => writeFileSync(join(book.folder, 'HOOK'), `${url}\n`);
  hookTo();
  writeFileSync(join(book.folder, 'PING'), `${ping.url}\n`);
  return {
    ...book,
    hookTo,
    configure(more) {
      const alerts = `alerts:
  hook: { kind: webhook, url: { file: ./HOOK } }
  ping: { kind: healthchecks, url: { file: ./PING } }
  mail: { kind: mail, to: owner@example.org }
apps:
`;
      const text = plain.replace('apps:\n', alerts);
      writeFileSync(
        ops,
        text.replace('backup: { stores: [disk],', start => `${start} ${more},`),
      );
    },
    program(name, text) {
      writeFileSync(join(bin, name), `#!/bin/bash\n${text}\n`);
      chmodSync(join(bin, name), 0o755);
    },
    async must(code, task, ...words) {
      const end = await book.run(task, words, { env: { PATH: `${bin}:${process.env['PATH']}` } });
      assert.is(end.code, code, end.stderr);
      assert.not.match(end.stderr, 't0ken');
      return end;
    },
    told: () => hook.got.splice(0).map(({ body }): Heard => JSON.parse(body)),
    pings: () => ping.got.splice(0).map(({ path }) => path?.replace('/hook/t0ken', '')),
    async stop() {
      book.clean();
      await Promise.all([hook.stop(), ping.stop()]);
    },
  };
}
