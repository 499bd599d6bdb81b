// What a sync brings, told to a person on a terminal and to the readers of a pull request; upstream's words do nothing in either.
import { sha7 } from '../../release/release.ts';
import { visible } from '../../report/safe-text.ts';
import type { AppliedPatch } from '../apply.ts';
import type { UpstreamNews } from './news.ts';

export type SyncReport = {
  app: string;
  /** Where it comes from. */
  repository: string;
  news: UpstreamNews;
  patches: AppliedPatch[];
  dropped: AppliedPatch[];
  /** Names of images that were built and tried out; undefined: none were built. */
  built: string[] | undefined;
};

type ReportPart = { title: string; lines: string[] };

/** GitHub takes 65,536 characters. */
const mostText = 60_000;
const [mostLines, mostLetters] = [60, 200];

/** The parts with something in them, each line as upstream wrote it but without what a terminal would obey. */
function partsOf({ news, patches, dropped }: SyncReport): ReportPart[] {
  const of = (count: number, one: string, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;
  const { commits, files, migrations, bumps, tags } = news;
  const kinds = ['A', 'M', 'D', 'R'].map(kind => files.filter(({ status }) => status === kind).length);
  const parts: ReportPart[] = [
    { title: of(migrations.length, 'migration'), lines: migrations },
    {
      title: of(bumps.length, 'dependency', 'dependencies'),
      lines: bumps.map(({ name, from, to, file }) => `${name} ${from ?? '(new)'} → ${to ?? '(gone)'}  ${file}`),
    },
    {
      title: of(tags.length, 'release'),
      lines: tags.flatMap(({ name, notes }) => [name, ...notes.split('\n').filter(Boolean).slice(0, 20).map(line => `  ${line}`)]), // prettier-ignore
    },
    {
      title: of(commits.total, 'commit'),
      lines: [
        ...commits.listed.map(({ sha, subject }) => `${sha} ${subject}`),
        ...(commits.total > commits.listed.length ? [`… and ${commits.total - commits.listed.length} older ones`] : []),
      ],
    },
    {
      title: `${of(files.length, 'file')}: ${kinds[0]} new, ${kinds[1]} changed, ${kinds[2]} gone, ${kinds[3]} renamed`,
      lines: files.map(({ status, path }) => `${status} ${path}`),
    },
    { title: `${of(patches.length, 'patch', 'patches')} applied again`, lines: patches.map(({ patch, subject }) => `${patch}  ${subject}`) }, // prettier-ignore
    { title: `${of(dropped.length, 'patch', 'patches')} dropped: upstream has the same now`, lines: dropped.map(({ patch, subject }) => `${patch}  ${subject}`) }, // prettier-ignore
  ];
  return parts.flatMap(({ title, lines }) => {
    const whole = lines.map(line => visible(line).replaceAll('\n', ' '));
    const shown = whole.slice(0, mostLines).map(line => (line.length > mostLetters ? `${line.slice(0, mostLetters)}…` : line)); // prettier-ignore
    if (whole.length > mostLines) shown.push(`… and ${whole.length - mostLines} more`);
    return shown.length ? [{ title, lines: shown }] : [];
  });
}

const rewrittenText = ({ rewritten, from }: UpstreamNews) =>
  `upstream rewrote its history: ${rewritten} commits that ${sha7(from)} has are no longer in it`;

/** For a terminal. */
export function syncText(report: SyncReport): string {
  const { news } = report;
  return [
    ...(news.rewritten ? [rewrittenText(news)] : []),
    ...partsOf(report).flatMap(({ title, lines }) => [title, ...lines.map(line => `  ${line}`)]),
  ].join('\n');
}

export function syncTitle({ app, news }: Pick<SyncReport, 'app' | 'news'>): string {
  return `Upstream sync: ${app} ${sha7(news.from)} → ${sha7(news.to)}`;
}

/**
 * The text of the pull request. What upstream wrote stands in fences, where GitHub makes no mention, reference or closing
 * keyword of it, and its @, # and :// are broken besides: a squashed merge may put this text into a commit message.
 */
export function syncBody(report: SyncReport): string {
  const { news, repository, built } = report;
  const head = [
    `The pin goes from \`${news.from}\` to \`${news.to}\` of ${fenceless(repository)}, and the patches apply to it.`,
    ...(news.rewritten ? [`**${rewrittenText(news)}.**`] : []),
    ...(news.migrations.length
      ? ['**It has migrations**: look at them, and prove a backup first (`tasks/drill.ts`).']
      : []),
    built ? `Built and tried out before this was pushed: ${built.map(name => `\`${name}\``).join(', ')}.` : 'Not built and not tried out.', // prettier-ignore
    'Not rehearsed on a backup.',
  ];
  let text = `${head.join('\n\n')}\n`;
  for (const { title, lines } of partsOf(report)) {
    const inside = lines.map(brokenReferences).join('\n');
    const part = `\n### ${title}\n\n${fenced(inside)}\n`;
    text += text.length + part.length < mostText ? part : `\n### ${title}\n`;
  }
  return text;
}

function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}

/** An address as code. */
function fenceless(text: string): string {
  return `\`${brokenReferences(text.replaceAll('`', ''))}\``;
}

/** With a space of no width behind what GitHub reads as a mention, an issue or an address. */
export function brokenReferences(text: string): string {
  return text.replaceAll(/@(?=[\w-])|#(?=\d)|GH-(?=\d)|:(?=\/\/)/gi, found => `${found}\u200b`);
}
