// Asks the real renderers what they show: Redcarpet with Writebook's options and Rails' sanitizer, and cmark-gfm for GitHub.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** `raw` is Redcarpet's own HTML, `writebook` that with the application's images; `seen`: the words of Writebook, then GitHub. */
export type Shown = { raw: string; writebook: string; github: string; seen: [string[], string[]] };

const script = join(import.meta.dirname, 'oracle.rb');

export function showReally(texts: readonly string[]): Shown[] {
  const { stdout, stderr, status } = spawnSync('ruby', ['-EUTF-8', script], {
    input: JSON.stringify(texts),
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    env: { ...process.env, LANG: 'C.UTF-8' },
  });
  if (status !== 0) throw new Error(`the renderers failed: ${stderr}`);
  return JSON.parse(stdout);
}
