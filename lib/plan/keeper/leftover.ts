// What an interrupted attempt left: the keeper's journal, read without changing it, and what to type next.
import type { Target } from '../../target/target.ts';
import { sh, type Command } from '../../host/sh.ts';
import type { Facts } from '../../release/facts.ts';
import { parseLine, type LogLine } from '../../release/log.ts';

/** What an attempt left, from the journal of this program or an older one; whatever is damaged there is undefined. */
export type Leftover = {
  /** The step that ran last. */
  during: string;
  /** What the attempt's line says without its outcome; undefined: a small change, or a file that was damaged. */
  line: LogLine | undefined;
  /** The undos that have not run yet, newest first; `title` is the step's title. */
  undos: { number: number; title: string | undefined }[];
  /** Steps that began, in their order, and have no undo left to run. */
  rest: string[];
  /** It was decided already, and goes forward. */
  decided: boolean;
  /** The output of the undo that failed last. */
  failed: string | undefined;
  /** The server restarted since. */
  rebooted: boolean;
};

/** Lines for the facts question. */
export function leftoverQuestion({ paths }: Target): Command {
  return sh`if cd ${`${paths.releases}/.keeper/journal`} 2>/dev/null; then
  for one in attempt step boot stuck titles; do if [ -r "$one" ]; then head -c 20000 "$one" | fact "journal-$one"; fi; done
  find . -maxdepth 1 -type f -printf '%f\\n' | head -n 2000 | fact journal-files
  head -c 100 /proc/sys/kernel/random/boot_id | fact booted
  cd /
fi`;
}

/** undefined: there is no journal. */
export function readLeftover(facts: Facts): Leftover | undefined {
  const text = (name: string) => facts.answers.get(`journal-${name}`) ?? '';
  if (!facts.answers.has('journal-files')) return undefined;
  const files = new Set(text('files').split('\n'));
  const titles = new Map(
    text('titles')
      .split('\n')
      .flatMap(line => {
        const found = /^(\d+) (.+)$/.exec(line);
        return found ? [[Number(found[1]), found[2]] as const] : [];
      }),
  );
  const undos = [...files]
    .flatMap(name => /^undo\.(\d{3})$/.exec(name)?.[1] ?? [])
    .map(Number)
    .toSorted((one, other) => other - one)
    .map(number => ({ number, title: titles.get(number) }));
  const left = new Set(undos.map(one => one.number));
  const boot = text('boot').trim();
  return {
    during: text('step').trim() || 'an unknown step',
    line: lineOf(text('attempt')),
    undos,
    rest: [...titles].flatMap(([number, title]) => (left.has(number) || title === undefined ? [] : [title])),
    decided: files.has('commit'),
    failed: files.has('stuck') ? text('stuck').trim() : undefined,
    rebooted: boot !== '' && boot !== facts.answers.get('booted')?.trim(),
  };
}

/** The head of the attempt's line, as quote() wrote it among the settings. */
function lineOf(settings: string): LogLine | undefined {
  const quoted = /^log_head=('(?:[^']|'\\'')*'|\S+)$/m.exec(settings)?.[1];
  if (!quoted) return undefined;
  const head = quoted.startsWith("'") ? quoted.slice(1, -1).replaceAll(`'\\''`, "'") : quoted;
  return parseLine(`${head} outcome=unknown`);
}
