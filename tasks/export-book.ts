// Writes a book of Writebook into a folder of Markdown, with its images; importing that folder changes nothing.
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Failure } from '../lib/errors.ts';
import { doItem } from '../lib/report/items.ts';
import { nameOf } from '../lib/target/command.ts';
import { task } from '../lib/task/task.ts';
import { besides, exportBook, refuseFull } from '../lib/writebook/export.ts';
import { findBook, noSuchBook } from '../lib/writebook/program/find-book.ts';
import { receiveBook } from '../lib/writebook/program/receive.ts';
import { bookText } from '../lib/writebook/import/show-plan.ts';
import { openApplication } from '../lib/writebook/program/application.ts';

export default task(import.meta.url, {
  about: 'Write a book of Writebook into a new folder of Markdown, with its images',
  examples: [
    'npx tsx tasks/export-book.ts content --env production --book "Field Guide"',
    'npx tsx tasks/export-book.ts content --env production --book 2 --plan',
  ],
  positionals: [{ name: 'folder', about: 'a new folder, or an empty one', required: true }],
  changes: true,
  args: {
    book: { type: 'string', value: 'name', about: 'the book: its number, slug or exact title' },
  },

  async run(context) {
    const { args, positionals, report } = context;
    const { book: name } = args;
    if (name === undefined) throw new Failure(2, '--book is missing: which book?', { advice: 'add --book <name>' });
    const folder = resolve(context.folder, positionals[0] ?? '.');
    await refuseFull(folder);
    const target = await context.target();
    const application = await openApplication(context, target);
    if (args.plan) {
      const state = await doItem(report, 'Read the book', () => findBook(application, name, false));
      if (!state) throw noSuchBook(target, name, []);
      const pages = state.leaves.filter(leaf => leaf.active).length;
      const text = `${bookText(target, state.book)}: ${pages} pages would be written into ${folder}`;
      return { text, json: { ...nameOf(target), book: state.book, folder, pages } };
    }

    const making = await besides(folder);
    try {
      const { found, files, books } = {
        files: [],
        books: [],
        ...(await doItem(report, 'Read the book', () => receiveBook(application, { book: name }, making))),
      };
      if (!found) throw noSuchBook(target, name, books);
      const { pages, images, differs } = await exportBook(found, files, making, folder, target);
      for (const path of differs) report.warn(`${path}: an import would change this page`);
      return {
        text: `${bookText(target, found.book)}: ${pages} pages and ${images} images in ${folder}`,
        json: { ...nameOf(target), book: found.book, folder, pages, images, differs },
      };
    } finally {
      await rm(making, { recursive: true, force: true });
    }
  },
});
