// Shows the beginning of chapters as previews in a published book of Writebook, and keeps them as their chapters are.
import { Failure } from '../lib/errors.ts';
import { doItem } from '../lib/report/items.ts';
import { nameOf } from '../lib/target/command.ts';
import { task } from '../lib/task/task.ts';
import { applyTeasers, askTeasers, teaserWrites } from '../lib/writebook/teaser/apply.ts';
import { planTeasers } from '../lib/writebook/teaser/plan.ts';
import { teaserCounts, teaserJson, teaserText } from '../lib/writebook/teaser/show-plan.ts';
import { defaultTeaserWords } from '../lib/writebook/teaser/tail.ts';
import { bookText } from '../lib/writebook/import/show-plan.ts';
import { openApplication } from '../lib/writebook/program/application.ts';

export default task(import.meta.url, {
  about: 'Put the beginning of chapters, with a link to their book, into a published book of Writebook',
  examples: [
    'npx tsx tasks/make-teaser.ts "The Island" --env production --book "Field Guide" --into "Samples" --plan',
    'npx tsx tasks/make-teaser.ts 12 14 --env production --book 2 --into 5 --words 300',
    'npx tsx tasks/make-teaser.ts --each --env production',
  ],
  positionals: [{ name: 'chapter', about: 'chapters, by number or exact title', many: true }],
  changes: true,
  args: {
    each: { type: 'boolean', about: 'all chapters of the book, or those that ops.yml names' },
    book: { type: 'string', value: 'name', about: 'the book: its number, slug or exact title' },
    into: { type: 'string', value: 'name', about: 'the published book that the teasers go into' },
    words: { type: 'string', value: 'count', about: 'how many words of a chapter at most (default 500)' },
    link: { type: 'string', value: 'address', about: 'where the link leads (default: the book)' },
    overwrite: { type: 'boolean', about: 'also teasers that were edited or trashed in the browser' },
  },

  async run(context) {
    const { args, positionals, report } = context;
    if (args.each === positionals.length > 0)
      throw new Failure(2, args.each ? '--each and chapters cannot be combined' : 'which chapters?', {
        advice: 'name chapters by number or title, or take all with --each',
      });
    const target = await context.target();
    const settings = target.writebook?.teasers;
    const book = args.book ?? settings?.book;
    const into = args.into ?? settings?.into;
    if (book === undefined || into === undefined)
      throw new Failure(
        2,
        book === undefined ? '--book is missing: which book?' : '--into is missing: into which book?',
        {
          advice: 'add --book and --into, or say it in ops.yml: writebook: { teasers: { book: 2, into: 5 } }',
        },
      );
    const most = args.words === undefined ? (settings?.words ?? 500) : Number(args.words);
    if (!Number.isInteger(most) || most < 1 || most > 100_000)
      throw new Failure(2, `--words ${args.words} is no number of words`, { advice: 'such as --words 300' });
    const link = args.link ?? settings?.link;
    if (link !== undefined && !/^(?:\/|https?:\/\/)[!-~]+$/.test(link))
      throw new Failure(2, `--link ${JSON.stringify(link)} is no address`, { advice: 'https://…, or a path, /…' });

    // Pre-flight. No impact yet.
    const application = await openApplication(context, target);
    const named = args.each ? settings?.chapters : positionals;
    const asked = await doItem(report, 'Read the chapters', () =>
      askTeasers(application, { book, into, chapters: named }),
    );
    const words = {
      title: settings?.title ?? defaultTeaserWords.title,
      readOn: settings?.readOn ?? defaultTeaserWords.readOn,
    };
    const wishes = { ...words, most, link, overwrite: args.overwrite };
    const plan = planTeasers(asked.from, asked.into, asked.chapters, wishes, args.each);
    const writes = teaserWrites(plan).length;
    const exit = plan.decisions.some(one => one.does === 'refused') ? 1 : 0;
    const json = { ...nameOf(target), ...teaserJson(asked.from.book, asked.into.book, plan) };
    const title = bookText(target, asked.into.book);
    const text = [title, teaserText(plan, report), teaserCounts(plan)].join('\n');
    if (args.plan || (!writes && !plan.adopts)) return { text, json: { ...json, written: 0 }, exit };

    // Let’s go.
    let written = 0;
    const applied = await doItem(report, `Write ${writes} teasers`, say =>
      applyTeasers(application, plan, asked.into, args.wait ?? 0, (what, chapter) => {
        written++;
        say(`${what} ${chapter}`);
      }),
    );
    if (applied.skipped.length)
      throw new Failure(
        1,
        `${applied.skipped.length} teasers were edited in the browser meanwhile, and stay as they are`,
        {
          advice: 'run this again: it says which',
        },
      );
    return { text, json: { ...json, written }, exit };
  },
});
