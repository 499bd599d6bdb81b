// The difference of two texts, line by line, in the unified format of diff -u.
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

/** Empty when both are equal. `names`: what the old and the new text are called beside the path. */
export function difference(
  before: string,
  after: string,
  path: string,
  names: readonly [string, string] = ['on the server', 'from ops.yml'],
): string {
  if (before === after) return '';
  const { createTwoFilesPatch, FILE_HEADERS_ONLY }: typeof import('diff') = load('diff');
  const more = { context: 3, headerOptions: FILE_HEADERS_ONLY };
  const patch = createTwoFilesPatch(`${path} ${names[0]}`, `${path} ${names[1]}`, before, after, '', '', more);
  return patch.replace(/\n$/, '');
}
