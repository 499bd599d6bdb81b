// Announces new chapters of a book of Writebook: a draft of an e-mail, posts, a webhook and an Atom feed; it shows what it would send, and sends with --send.
import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { publishedChapters } from '../lib/announce/chapters.ts';
import { feedText, readFeedFile, writeFeedFile } from '../lib/announce/feed/feed.ts';
import { planAnnouncements } from '../lib/announce/plan.ts';
import { addLines, readAnnounceRecord } from '../lib/announce/record.ts';
import { openReceiver } from '../lib/announce/receivers/open.ts';
import { checkPublic, hiddenPages, sendAnnouncements } from '../lib/announce/send.ts';
import { announceJson, announceText, outcomeText } from '../lib/announce/show.ts';
import { postOf } from '../lib/announce/text.ts';
import { Failure } from '../lib/errors.ts';
import { doItem } from '../lib/report/items.ts';
import { nameOf, targetName, taskCommand } from '../lib/target/command.ts';
import { task } from '../lib/task/task.ts';
import { readFolder } from '../lib/writebook/folder/folder.ts';
import { readRecord } from '../lib/writebook/record-file.ts';

export default task(import.meta.url, {
  about:
    'Announce new chapters of a book by e-mail draft, post, webhook and Atom feed; shows them, and sends with --send',
  examples: [
    'npx tsx tasks/announce.ts content --env production',
    'npx tsx tasks/announce.ts content --env production --send',
    'npx tsx tasks/announce.ts content --env production --send --since 2026-11-01',
  ],
  positionals: [{ name: 'folder', about: 'the folder that import-chapters brings into the book', required: true }],
  args: {
    send: { type: 'boolean', about: 'send, write the feed, and note both' },
    plan: { type: 'boolean', about: 'only show, as without --send' },
    changed: { type: 'boolean', about: 'also chapters that changed since they were announced' },
    all: { type: 'boolean', about: 'also what was there before the first run' },
    since: {
      type: 'string',
      value: 'date',
      about: 'also what was there before, if made on that day or later: 2026-11-01',
    },
    resend: { type: 'boolean', about: 'also what a webhook may have got already, when its answer was lost' },
  },

  async run(context) {
    const { args, positionals, report, signal, environment } = context;
    if (args.send && args.plan)
      throw new Failure(2, '--send and --plan cannot be combined', { advice: 'leave one out' });
    const since = args.since === undefined ? undefined : new Date(args.since);
    if (since && (Number.isNaN(since.getTime()) || !/^\d{4}-\d\d-\d\d$/.test(args.since ?? '')))
      throw new Failure(2, `--since ${args.since} is no date`, { advice: 'such as --since 2026-11-01' });
    const target = await context.target();
    const settings = target.writebook?.announce;
    if (!settings)
      throw new Failure(3, `ops.yml does not say where ${targetName(target)} is announced`, {
        advice:
          'writebook: { announce: { url: https://book.example.org/2/field-guide, title: …, author: …, feed: …, to: … } }',
      });

    // Pre-flight. No impact yet.
    const now = new Date();
    const path = resolve(context.folder, positionals[0] ?? '.');
    const chapters = publishedChapters(await readFolder(path), await readRecord(path, target, settings.book), settings);
    if (!chapters.length)
      throw new Failure(
        3,
        `no chapter of ${path} is known to stand in book ${settings.book} of ${targetName(target)}`,
        {
          advice: `${taskCommand('import-chapters', target)} brings them there, and notes it in ${path}/.bookops`,
        },
      );
    const record = await readAnnounceRecord(path, target, settings.book);
    const names = settings.receivers.map(one => one.name);
    const plan = planAnnouncements(chapters, record, names, { ...args, since }, now);
    const wanted = new Set(plan.announcements.map(one => one.receiver));
    const opened = settings.receivers
      .filter(one => wanted.has(one.name))
      .map(one => openReceiver(one, environment, signal));
    const receivers = new Map((await Promise.all(opened)).map(one => [one.name, one]));
    const before = settings.feed === undefined ? undefined : await readFeedFile(settings.feed);
    const feed = settings.feed === undefined ? undefined : feedText(chapters, settings, before, settings.feed, now);
    const isFeedNew = feed !== undefined && feed !== before;
    const said = announceText(plan, report);
    const feedLine =
      feed === undefined
        ? []
        : [`${settings.feed}: ${isFeedNew ? (before === undefined ? 'is new' : 'changes') : 'unchanged'}`];
    const json = (outcomes: Awaited<ReturnType<typeof sendAnnouncements>>) => ({
      ...nameOf(target),
      book: settings.book,
      sent: args.send,
      feed: settings.feed === undefined ? null : { file: settings.feed, changed: isFeedNew },
      ...announceJson(plan, receivers, outcomes),
    });
    if (!args.send) {
      const shown = plan.announcements.flatMap(one => {
        const receiver = receivers.get(one.receiver);
        return receiver
          ? ['', report.paint.bold(`${one.receiver}: ${one.chapter.title}`), receiver.preview(postOf(one, settings))]
          : [];
      });
      const last =
        plan.announcements.length || plan.notes.length || isFeedNew
          ? ['', 'nothing was sent or written: --send does it']
          : [];
      return { text: [...said, ...feedLine, ...shown, ...last].join('\n'), json: json([]) };
    }
    await checkPublic(settings.url, signal);
    const hidden = await hiddenPages(new Set(plan.announcements.map(one => one.chapter.url)), signal);
    for (const one of hidden.values()) report.warn(`${one.message}; it waits`);
    const ready = plan.announcements.filter(one => !hidden.has(one.chapter.url));

    // Let’s go.
    await addLines(record.file, plan.notes);
    if (isFeedNew && settings.feed !== undefined) await writeFeedFile(settings.feed, feed);
    if (!ready.length) return { text: [...said, ...feedLine].join('\n'), json: json([]) };
    const run = randomUUID();
    const others = async () => {
      const { lines } = await readAnnounceRecord(path, target, settings.book);
      return lines.slice(record.lines.length).filter(line => 'run' in line && line.run !== run);
    };
    const sending = { file: record.file, settings, receivers, resend: args.resend, run, others, signal };
    const outcomes = await doItem(report, `Announce ${ready.length} times`, say =>
      sendAnnouncements(ready, sending, outcome => say(outcomeText(outcome))),
    );
    const text = [...said, ...feedLine, ...outcomes.map(outcomeText)].join('\n');
    const failures = outcomes.flatMap(one => ('failure' in one ? [one.failure] : []));
    const [first] = failures;
    if (!first) return { text, json: json(outcomes) };
    const sent = outcomes.filter(one => 'sent' in one).length;
    throw new Failure(first.exit, `${sent} of ${ready.length} announced: ${first.message}`, {
      detail: [...outcomes.map(outcomeText), ...failures.flatMap(one => one.detail ?? [])].join('\n'),
      advice:
        first.advice ??
        `${taskCommand('announce', target)} again, when that is corrected: the others are noted, and are not sent twice`,
    });
  },
});
