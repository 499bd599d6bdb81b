// Shows a folder of Markdown in the browser as Writebook will show it, with what the check finds, and again on each save.
import { once } from 'node:events';
import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { Failure } from '../lib/errors.ts';
import { openBook } from '../lib/preview/book.ts';
import { openPort, usualPort } from '../lib/preview/port.ts';
import { previewServer } from '../lib/preview/server.ts';
import { watchFolder } from '../lib/preview/watch.ts';
import { oneObject } from '../lib/report/report.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Show a folder of Markdown in the browser as Writebook will show it, and again on each save',
  examples: [
    'npx tsx tasks/preview-book.ts content',
    'npx tsx tasks/preview-book.ts content --book "Field Guide" --port 8080',
  ],
  positionals: [{ name: 'folder', about: 'the folder with the chapters: 01-first.md, 02-second.md …', required: true }],
  args: {
    book: { type: 'string', value: 'title', about: 'the book’s title; otherwise the folder’s name' },
    port: { type: 'string', value: 'number', about: `the port; otherwise the first free one from ${usualPort}` },
    host: {
      type: 'string',
      value: 'address',
      default: '127.0.0.1',
      about: 'where to listen; others can read the folder when it is not this machine alone',
    },
  },
  target: 'none',

  async run({ args, positionals: [typed = '.'], folder: here, report, output, signal }) {
    const port = args.port === undefined ? undefined : Number(args.port);
    if (port !== undefined && !(/^\d{1,5}$/.test(args.port ?? '') && port < 65_536))
      throw new Failure(2, `--port ${JSON.stringify(args.port)} is no port`, { advice: 'a number from 0 to 65535' });
    const path = resolve(here, typed);
    if (!existsSync(path) || !statSync(path).isDirectory())
      throw new Failure(3, `there is no folder ${typed} here`, { advice: 'name the folder with the chapters' });

    const book = openBook(realpathSync(path));
    const tell = (event: object) => args.json && output.write(`${oneObject(event)}\n`);
    book.onChange(({ pages, order, images }) => {
      tell({ event: 'changed', pages, order, images });
      if (!args.json) report.say([...pages, ...images].join(', ') || 'the order of pages');
    });
    const watch = watchFolder(
      book.folder,
      paths => {
        const images = paths.filter(one => /\/$|\.(?:png|jpe?g|gif|webp)$/i.test(one));
        if (images.length) book.imagesChanged(images);
        book.read().catch(() => {});
      },
      says => report.warn(`${says}; pages are shown as they are when you load them`),
    );

    const title = args.book ?? basename(book.folder);
    const server = previewServer(book, { title, host: args.host, renew: () => watch.renew() });
    try {
      const opened = await openPort(server, args.host, port);
      const name = args.host.includes(':') ? `[${args.host}]` : args.host;
      const url = `http://${name}:${opened}/`;
      if (!/^(?:127\.0\.0\.1|localhost|::1)$/.test(args.host))
        report.warn(`whoever reaches ${name} can read the texts and images of ${book.folder}`);
      tell({ event: 'listening', url });
      if (!args.json) {
        output.write(`${url}\n`);
        report.say('reloads on save; Ctrl-C ends it');
      }
      // what cannot be read is told on the page
      await book.read().catch(() => {});
      if (!signal.aborted) await once(signal, 'abort');
    } finally {
      watch.close();
      server.close();
      server.closeAllConnections();
    }
    return { text: '', json: { event: 'ended', changes: book.changes() } };
  },
});
