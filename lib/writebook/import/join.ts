// Joins two texts that were made of one, as git does; where both changed the same, both stand there between markers.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../errors.ts';
import { gitOnFiles } from '../../git/git.ts';
import { conflictMarks } from '../folder/chapter.ts';

type ThreeTexts = { folder: string; written: string; browser: string };

/** `conflicts`: how many places have markers. @throws Failure 1 when git does not join them */
export async function joinTexts(
  texts: ThreeTexts,
  environment: NodeJS.ProcessEnv,
): Promise<{ text: string; conflicts: number }> {
  if (texts.folder === texts.browser || texts.browser === texts.written) return { text: texts.folder, conflicts: 0 };
  if (texts.folder === texts.written) return { text: texts.browser, conflicts: 0 };
  const scratch = await mkdtemp(join(tmpdir(), 'bookops-join-'));
  try {
    const names = ['folder', 'written', 'browser'] as const;
    for (const name of names) await writeFile(join(scratch, name), texts[name]);
    const labels = [conflictMarks.folder, 'as last written', conflictMarks.browser].flatMap(label => ['-L', label]);
    const files = names.map(name => join(scratch, name));
    const { code, stdout, stderr } = await gitOnFiles(
      ['merge-file', '-p', '--diff3', ...labels, ...files],
      environment,
    );
    if (code > 127) throw new Failure(1, `git cannot join two texts: ${stderr.trim()}`);
    return { text: stdout, conflicts: code };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
