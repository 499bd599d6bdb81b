// The patterns of backup.files.exclude as arguments of `find`.
import { type Command, sh } from '../../host/sh.ts';
import type { Pattern } from '../../target/exclude-patterns.ts';

/** Words for `find` that hold for what is left out, and print `-` and the pattern's number for it. */
export function leftOutBy(patterns: readonly Pattern[]): Command {
  const one = ({ globs, foldersOnly }: Pattern, index: number) => {
    const paths = globs.flatMap((glob, at) => [...(at ? ['-o'] : []), '-path', glob]);
    return sh`${foldersOnly ? ['-type', 'd'] : []} '(' ${paths} ')' -printf ${`-${index}\\0`}`;
  };
  return patterns.map(one).reduce((all, next) => sh`${all} -o ${next}`);
}
