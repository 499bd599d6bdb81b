// Brings a folder of Markdown into a book of Writebook: creates, updates and moves pages, and never overwrites what the browser changed.
import { resolve } from 'node:path';
import { Failure } from '../lib/errors.ts';
import { doItem } from '../lib/report/items.ts';
import { taskCommand } from '../lib/target/command.ts';
import { task } from '../lib/task/task.ts';
import { applyPlan, writesOf } from '../lib/writebook/import/apply.ts';
import { browserDifferences } from '../lib/writebook/import/differences.ts';
import { findBases } from '../lib/writebook/import/bases.ts';
import { findBook } from '../lib/writebook/program/find-book.ts';
import { readFolder } from '../lib/writebook/folder/folder.ts';
import { noBook, planImport } from '../lib/writebook/import/plan.ts';
import { pullEdits } from '../lib/writebook/import/pull.ts';
import { readRecord, writeRecord } from '../lib/writebook/record-file.ts';
import { refuseConflicts, refuseProblems } from '../lib/writebook/import/refuse.ts';
import { bookText, counted, planJson, planText, shownText } from '../lib/writebook/import/show-plan.ts';
import { openApplication } from '../lib/writebook/program/application.ts';

export default task(import.meta.url, {
  about: 'Bring a folder of Markdown into a book of Writebook; what was edited in the browser is never overwritten',
  examples: [
    'npx tsx tasks/import-chapters.ts content --env production --book "Field Guide" --plan',
    'npx tsx tasks/import-chapters.ts content --env production --book 2',
    'npx tsx tasks/import-chapters.ts content --env staging --book "Field Guide" --create',
    'npx tsx tasks/import-chapters.ts content --env production --book 2 --pull --new --take merge',
  ],
  positionals: [{ name: 'folder', about: 'the folder with the chapters: 01-first.md, 02-second.md …', required: true }],
  changes: true,
  args: {
    book: { type: 'string', value: 'name', about: 'the book: its number, slug or exact title' },
    create: { type: 'boolean', about: 'make a book of that title when there is none; administrators may write in it' },
    trash: { type: 'boolean', about: 'pages of earlier imports whose file is gone go into the trash' },
    take: {
      type: 'string',
      choices: ['ours', 'theirs', 'merge'],
      about:
        'for pages changed on both sides: ours, the folder’s text; with --pull: theirs, the browser’s; merge, both',
    },
    pull: { type: 'boolean', about: 'bring what the browser changed into the folder, and change nothing in the book' },
    new: { type: 'boolean', about: 'with --pull: pages that were made in the browser become files' },
  },

  async run(context) {
    const { args, positionals, report } = context;
    const { book: name, take, pull, trash, create } = args;
    if (name === undefined) throw new Failure(2, '--book is missing: which book?', { advice: 'add --book <name>' });
    const needsPull = args.new ? '--new' : take === 'theirs' || take === 'merge' ? `--take ${take}` : undefined;
    if (needsPull && !pull) throw new Failure(2, `${needsPull} writes into the folder`, { advice: 'add --pull' });

    // Pre-flight. No impact yet.
    const path = resolve(context.folder, positionals[0] ?? '.');
    const folder = await readFolder(path);
    refuseProblems(folder.problems.filter(one => one.stops === true));
    const target = await context.target();
    const application = await openApplication(context, target);
    const found = await doItem(report, 'Read the book', () => findBook(application, name, create));
    const state = found ?? noBook;
    const mirror = await readRecord(path, target, state.book.id);
    const plan = planImport(folder, state, mirror, { trash, take });
    refuseProblems(plan.problems.filter(one => one.stops === true));
    const { environment } = context;
    const bases = await findBases(application, plan, folder, { path, book: name, environment });
    const differences = await browserDifferences(plan, bases, environment);
    const json = { ...planJson(target, found?.book ?? null, plan), differences };
    const title = found ? bookText(target, state.book) : `a new book “${name}”`;
    const diffs = differences.map(one => one.difference).filter(Boolean);
    if (args.plan) return { text: [title, planText(plan, report), ...diffs].join('\n'), json };
    if (take !== 'merge') refuseConflicts(plan, differences);

    if (pull) {
      const { leaves, record } = state;
      const joining = take === 'merge' ? bases : undefined;
      const pulled = await doItem(report, 'Bring edits into the folder', () =>
        pullEdits(application, plan, folder, path, {
          book: name,
          leaves,
          withNew: args.new,
          bases: joining,
          environment,
        }),
      );
      if (Object.keys(pulled.entries).length) {
        const files = { ...plan.files, ...pulled.entries };
        await writeRecord(path, target, state.book.id, { serial: record.serial, files });
      }
      const text = pulled.files.map(file => `~ ${file}`).join('\n') || `${title} has no edits for the folder`;
      for (const one of pulled.byHand) report.warn(`${one.path}: ${one.says}`);
      const marks = pulled.marked.map(file => `✖ ${file}: join the texts between <<<<<<< and >>>>>>>, then import`);
      return {
        text: [text, ...marks].join('\n'),
        json: { ...json, pulled: pulled.files, marked: pulled.marked, byHand: pulled.byHand },
        exit: marks.length ? 1 : 0,
      };
    }

    // Let’s go.
    const writes = writesOf(plan);
    for (const one of plan.problems) if (!one.stops) report.warn(`${one.path}:${one.line ?? 1}: ${one.says}`);
    const shown = counted(plan.decisions, plan.moves.length);
    if (!writes) {
      if (found) await writeRecord(path, target, state.book.id, { serial: state.record.serial, files: plan.files });
      return { text: `${title}: ${shown}`, json: { ...json, written: 0 } };
    }
    let done = 0;
    const wanted = { name, make: found ? undefined : name, waitSeconds: args.wait ?? 0 };
    const applied = await doItem(report, `Write ${writes} changes`, say =>
      applyPlan(application, plan, state, folder.images, wanted, (what, file) => {
        done++;
        say(`${what} ${file}`);
      }),
    );
    await writeRecord(path, target, applied.book.id, applied.record);
    for (const line of shownText(applied.shown, positionals[0] ?? '.')) report.warn(line);
    if (applied.skipped.length)
      throw new Failure(
        1,
        `${applied.skipped.length} pages were edited in the browser meanwhile, and stay as they are`,
        {
          detail: applied.skipped.join('\n'),
          advice: `${taskCommand('import-chapters', target)} again; all other pages are written`,
        },
      );
    return {
      text: `${bookText(target, applied.book)}: ${shown}`,
      json: { ...json, book: applied.book, written: done, shown: applied.shown },
    };
  },
});
