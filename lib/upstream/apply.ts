// Applies a patch set to the commit that it is made for, exactly: nothing is guessed, and what does not fit is told.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../errors.ts';
import { sha7 } from '../release/release.ts';
import { taskCommand } from '../target/command.ts';
import type { PatchSet } from './patch-set.ts';
import type { Workspace } from './workspace.ts';

/** One commit that came of a patch. */
export type AppliedPatch = { patch: string; commit: string; subject: string };

/** A mailed patch as `git am` reads it so that subjects keep their brackets, files their CRLF, and texts their scissors. */
const amWords = ['am', '--quiet', '--keep', '--keep-cr', '--no-scissors', '--committer-date-is-author-date'];

/** Makes the work tree that of a commit. @throws Failure 1 */
export async function checkOut({ must }: Workspace, sha: string): Promise<void> {
  await must(['checkout', '--quiet', '--force', '--detach', sha], `git cannot check out ${sha7(sha)}`);
}

/** @throws Failure 1 naming the patch and the places that do not fit */
export async function applyPatches(work: Workspace, { base, patches }: PatchSet): Promise<AppliedPatch[]> {
  const { run, must } = work;
  await checkOut(work, base);
  const done: AppliedPatch[] = [];
  let last = base;
  for (const { name, content } of patches) {
    const file = join(work.folder, 'patch');
    await writeFile(file, content);
    const said = await run([...amWords, file]);
    if (said.code !== 0) throw doesNotApply(name, base, said.stderr);
    const made = await must(['log', '--reverse', '--format=%H %s', `${last}..HEAD`], 'git cannot list what it applied');
    for (const line of made.trimEnd().split('\n').filter(Boolean)) {
      const [commit = ''] = line.split(' ', 1);
      done.push({ patch: name, commit, subject: line.slice(commit.length + 1) });
      last = commit;
    }
  }
  return done;
}

function doesNotApply(name: string, base: string, said: string): Failure {
  const told = said.split('\n').flatMap(line => /^error: (.+)$/.exec(line)?.[1] ?? []);
  return new Failure(1, `${name} does not apply to ${sha7(base)}`, {
    detail: (told.length ? told : said.trim().split('\n')).slice(0, 12).join('\n'),
    advice: `${taskCommand('patch make')} writes patches that do; the ones before it applied, and those after it were not tried`,
  });
}
