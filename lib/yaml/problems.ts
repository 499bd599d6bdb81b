// The mistakes in ops.yml, with line and column, the line itself and a caret; all at once, as one Failure.
import { relative } from 'node:path';
import { Failure } from '../errors.ts';
import { builtIn } from './tree.ts';

/** `at` is an offset in the file; `path` is empty when the YAML itself is broken. */
export type Problem = { at: number; path: string; text: string };

/** Where a setting is within its target. */
export type SettingPath = (string | number)[];

/** `wrong` notes a fault at its place; `from` says where a setting was written. */
export type Complaints = { wrong: (path: SettingPath, text: string) => void; from: (...path: SettingPath) => string };

export type Source = {
  /** How a person would name the file. */
  name: string;
  /** `ops.yml:12:5`, or `default` for what no line says. */
  place(at: number): string;
  /** Throws when there are problems. */
  refuse(problems: readonly Problem[], advice?: string): void;
};

// A failure has at most 25 lines, so with many problems the later ones are shown without their line of the file.
const mostLines = 22;

export function sourceOf(file: string, text: string): Source {
  const near = relative('', file);
  const name = near && !near.startsWith('..') ? near : file;
  const starts = [0, ...[...text.matchAll(/\n/g)].map(end => end.index + 1)];
  const lineOf = (at: number) => {
    const next = starts.findIndex(start => start > at);
    return next === -1 ? starts.length - 1 : next - 1;
  };
  const columnOf = (at: number) => at - (starts[lineOf(at)] ?? 0);
  const place = (at: number) => (at === builtIn ? 'default' : `${name}:${lineOf(at) + 1}:${columnOf(at) + 1}`);

  return {
    name,
    place,
    refuse(problems, advice) {
      if (!problems.length) return;
      const sorted = [...problems].sort((one, other) => one.at - other.at);
      const told = sorted.slice(0, mostLines - 1);
      const excerpts = Math.max(0, Math.floor((mostLines - told.length) / 2));
      const lines = told.map((problem, index) => {
        const line = text.slice(starts[lineOf(problem.at)], starts[lineOf(problem.at) + 1]).replace(/\r?\n$/, '');
        const what = `${place(problem.at)}: ${problem.path ? `${problem.path}: ` : ''}${problem.text}`;
        return index < excerpts ? `${what}\n${excerpt(line, columnOf(problem.at), problem.path)}` : what;
      });
      if (sorted.length > told.length) lines.push(`… and ${sorted.length - told.length} more`);
      if (sorted.length > 1) lines.unshift(`${sorted.length} errors in ${name}:`);
      throw new Failure(3, lines.join('\n'), { ...(advice && { advice }) });
    },
  };
}

/** The line with a caret under `column`, cut to a readable width around it; control characters cannot reach the terminal. */
function excerpt(line: string, column: number, path: string): string {
  const from = column > 100 ? column - 60 : 0;
  // A secret where only a reference or a plain value belongs must not be repeated on the screen; under some keys any name may be one.
  const named = /\.(?:secrets|args)\.(\w+)/.exec(path)?.[1] ?? 'secrets';
  const secret = path.startsWith('alerts.')
    ? 'password|secret|\\bkey|\\btoken|\\burl'
    : 'password|secret|\\bkey|\\btoken';
  const visible = line
    .replace(new RegExp(`((?:${secret})["']?\\s*:\\s*)(?!\\{)\\S.*$`, 'i'), '$1[secret]')
    .replace(new RegExp(`(\\b${named}["']?\\s*:\\s*)\\S.*$`), '$1[secret]')
    .replace(/((?:secret|token|password|access_key_id)[a-z_]*=)[^\s,]+/gi, '$1[secret]')
    .replace(/(:\/\/[^\s/@:]*:)[^\s/@]+@/g, '$1[secret]@')
    .replace(/AGE-SECRET-KEY-\w*/gi, '[secret]');
  const part = visible.slice(from, from + 120).replace(/[^\t\P{C}]/gu, '?');
  const gap = visible
    .slice(from, column)
    .padEnd(column - from)
    .replace(/[^\t]/g, ' ');
  return `    ${part}\n    ${gap}^`;
}
