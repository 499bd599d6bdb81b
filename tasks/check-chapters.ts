// Tells authors what Writebook will show differently from GitHub, by line and column, and rewrites it so that both agree.
import { existsSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { Failure } from '../lib/errors.ts';
import { checkChapter, type ChapterFinding } from '../lib/markdown/chapter-check.ts';
import { difference } from '../lib/report/difference.ts';
import type { Report } from '../lib/report/report.ts';
import { visible } from '../lib/report/safe-text.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Find what Writebook will show differently from GitHub in a folder of Markdown',
  examples: [
    'npx tsx tasks/check-chapters.ts content',
    'npx tsx tasks/check-chapters.ts content --fix --plan',
    'npx tsx tasks/check-chapters.ts content/03-the-river.md --fix',
  ],
  positionals: [{ name: 'path', about: 'a folder of chapters, or one chapter', required: true, many: true }],
  args: {
    fix: { type: 'boolean', about: 'rewrite what can be written so that both show the same' },
    plan: { type: 'boolean', about: 'with --fix: show what would be rewritten, and write nothing' },
  },
  target: 'none',

  async run({ args, positionals, folder, report }) {
    if (args.plan && !args.fix)
      throw new Failure(2, '--plan needs --fix here', { advice: 'without --fix, this task only reads' });
    const files = positionals.flatMap(path => chaptersIn(resolve(folder, path), path));
    const checked = files.map(file => {
      const text = readText(file);
      const within = (path: string) => isFileBeside(file, path);
      return { file, text, name: nameOf(folder, file), ...checkChapter(text, within) };
    });
    const changed = args.fix ? checked.filter(({ text, fixed }) => fixed !== text) : [];
    if (!args.plan) for (const { file, fixed } of changed) replace(file, fixed);

    const all = checked.flatMap(({ name, findings }) => findings.map(finding => ({ file: name, ...finding })));
    const left = args.fix && !args.plan ? all.filter(({ fixable }) => !fixable) : all;
    const lines = left.map(finding => line(finding, report.paint, args.fix));
    const patches = changed.map(({ name, text, fixed }) =>
      visible(difference(text, fixed, name, ['now', 'with --fix'])),
    );
    const count = `${files.length} ${files.length === 1 ? 'chapter' : 'chapters'}`;
    const fixable = all.filter(one => one.fixable).length;
    const said = left.length ? `${left.length} findings in ${count}` : `nothing is shown differently in ${count}`;
    const next = args.fix
      ? `${fixable} ${args.plan ? 'would be' : 'were'} rewritten in ${changed.length} of them`
      : `${fixable} of them can be rewritten: --fix`;
    return {
      text: [...(args.plan ? patches : []), ...lines, fixable ? `${said}; ${next}` : said].join('\n'),
      json: { chapters: files.length, findings: left, rewritten: changed.map(({ name }) => name) },
      exit: left.length ? 1 : 0,
    };
  },
});

function line(
  { file, line: at, column, code, says, fixable }: ChapterFinding & { file: string },
  { bold, dim, yellow }: Report['paint'],
  fixing: boolean,
): string {
  const mark = fixable && !fixing ? dim(' (--fix)') : '';
  return `${bold(`${visible(file)}:${at}:${column}`)} ${yellow(code)} ${visible(says)}${mark}`;
}

function nameOf(folder: string, file: string): string {
  const near = relative(folder, file);
  return near.startsWith('..') ? file : near;
}

/** Hidden folders and links are not followed. */
function chaptersIn(path: string, typed: string): string[] {
  if (!existsSync(path)) throw new Failure(2, `there is no ${typed} here`, { advice: 'name a folder, or a .md file' });
  if (!statSync(path).isDirectory()) return [path];
  const found = readdirSync(path, { withFileTypes: true }).flatMap(entry => {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') return [];
    const inner = join(path, entry.name);
    if (entry.isDirectory()) return chaptersIn(inner, inner);
    return entry.isFile() && /\.md$/i.test(entry.name) ? [inner] : [];
  });
  return found.toSorted();
}

/** @throws Failure 3 for a file that is not UTF-8: rewriting it would damage it. */
function readText(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(file));
  } catch {
    throw new Failure(3, `${file} is not UTF-8`, { advice: 'save it as UTF-8 in your editor' });
  }
}

function isFileBeside(file: string, path: string): boolean {
  const wanted = join(dirname(file), ...path.split(/[/\\]/));
  return !wanted.includes('\0') && existsSync(wanted.endsWith(sep) ? wanted.slice(0, -1) : wanted);
}

/** By a rename, so that an editor or a killed run never sees half of it. */
function replace(file: string, text: string): void {
  const { mode } = statSync(file);
  const next = `${file}.new`;
  writeFileSync(next, text, { mode, flag: 'wx' });
  renameSync(next, file);
}
