// The difference of two texts, line by line, in the unified format of diff -u.
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

/** Empty when both are equal. */
export function difference(before: string, after: string, path: string): string {
  if (before === after) return '';
  const { createTwoFilesPatch, FILE_HEADERS_ONLY }: typeof import('diff') = load('diff');
  const more = { context: 3, headerOptions: FILE_HEADERS_ONLY };
  const patch = createTwoFilesPatch(`${path} on the server`, `${path} from ops.yml`, before, after, '', '', more);
  return patch.replace(/\n$/, '');
}
