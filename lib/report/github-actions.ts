// GitHub Actions: its workflow commands and its job summary, which output of servers must not be able to write.
import { appendFile } from 'node:fs/promises';
import type { ItemOutcome } from './items.ts';
import { visible } from './safe-text.ts';

/** One annotation line; https://docs.github.com/actions/reference/workflow-commands-for-github-actions */
export function annotation(title: string, message: string): string {
  const property = escaped(visible(title)).replaceAll(':', '%3A').replaceAll(',', '%2C');
  return `::error title=${property}::${escaped(visible(message))}`;
}

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

/**
 * Lines that the runner will not take for commands. It trims a line before it looks for `::`, and finds the older `##[`
 * anywhere in it.
 */
export function inert(text: string): string {
  return text.replace(/^(\s*):(?=:)/gm, '$1: ').replaceAll('##[', '## [');
}

/** Adds what was done to the job's summary page. A summary that cannot be written is no reason to fail a deploy. */
export async function summarize(
  file: string,
  title: string,
  outcomes: readonly ItemOutcome[],
  error: string | undefined,
) {
  const rows = outcomes.map(one => `| ${cell(one.title)} | ${one.seconds?.toFixed(1) ?? ''} | ${cell(result(one))} |`);
  const text = [
    `### ${cell(title)}`,
    '',
    ...(rows.length > 0 ? ['| Step | Seconds | Outcome |', '| --- | ---: | --- |', ...rows, ''] : []),
    ...(error === undefined ? [] : [`**${cell(error)}**`, '']),
  ].join('\n');
  await appendFile(file, `${text}\n`).catch(() => {});
}

function result({ state, why }: ItemOutcome): string {
  return why === undefined ? state : `${state}: ${why}`;
}

// Every character that Markdown or HTML could take for structure becomes a character reference.
function cell(text: string): string {
  const short = text.length > 300 ? `${text.slice(0, 300)}…` : text;
  return visible(short)
    .replace(/\s+/g, ' ')
    .replace(/[^\p{L}\p{M}\p{N} .,…]/gu, found => `&#${found.codePointAt(0)};`);
}
