// Renamed keys of ops.yml and flags: one list, so that each old name is refused with its new one.

/** The end of a setting's path → what its last word is called now. */
const settings = new Map([
  ['compose.stay', 'accessories'],
  ['backup.own', 'command, with run for its command and writes for gives'],
  ['backup.command.command', 'run'],
  ['backup.command.gives', 'writes'],
]);

const flags = new Map([['yes-restore', 'confirm']]);

/** What a task had that is a script now, with a word that only this task has. */
const moved = new Map([
  [
    'layout',
    {
      beside: 'bucket-exact',
      to: 'restore --to <folder>, then npx tsx examples/bibliotheca/backups.ts layout <folder>',
    },
  ],
  ['import', { beside: 'probe', to: 'npx tsx examples/bibliotheca/backups.ts import <folder>' }],
]);

/** @returns what to type instead of a flag or word; undefined when it never was one of this task. */
export function movedWord(name: string, known: (word: string) => boolean): string | undefined {
  const found = moved.get(name);
  return found && known(found.beside) ? `${name} is now ${found.to}` : undefined;
}

/** @param path of a key that ops.yml does not know. @returns the sentence about it; undefined when it never was one. */
export function renamedSetting(path: readonly string[]): string | undefined {
  const whole = `.${path.join('.')}`;
  const found = [...settings].find(([old]) => whole.endsWith(`.${old}`));
  return found && `${path.at(-1)} is now ${found[1]}`;
}

/** @returns the sentence about a flag, both without dashes; undefined when it never was one, or not of this task. */
export function renamedFlag(name: string, known: (flag: string) => boolean): string | undefined {
  const now = flags.get(name);
  return now !== undefined && known(now) ? `--${name} is now --${now}` : undefined;
}
