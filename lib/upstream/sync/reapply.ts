// Puts the commits of a patch set on another commit of upstream by a three-way merge; messages and authors stay as they are.
import { Failure } from '../../errors.ts';
import { sha7 } from '../../release/release.ts';
import { taskCommand } from '../../target/command.ts';
import { checkOut, type AppliedPatch } from '../apply.ts';
import { conflictText, readConflicts, type Conflict } from './conflict.ts';
import type { Workspace } from '../workspace.ts';

export type Reapplied = {
  /** The last commit on the new base. */
  head: string;
  /** Patches that upstream has by now, so that nothing is left of them. */
  dropped: AppliedPatch[];
};

/** A patch that does not go onto the new commit. */
export class PatchConflict extends Failure {
  readonly patch: AppliedPatch;
  readonly conflicts: Conflict[];
  constructor(patch: AppliedPatch, conflicts: Conflict[], message: string, advice: string) {
    super(1, message, { detail: conflictText(patch.patch, conflicts), advice });
    this.patch = patch;
    this.conflicts = conflicts;
  }
}

/** @throws PatchConflict with the files and both sides; a failure of git as Failure 1 */
export async function reapply(
  work: Workspace,
  applied: readonly AppliedPatch[],
  { from, to }: { from: string; to: string },
): Promise<Reapplied> {
  const { run, must } = work;
  await checkOut(work, to);
  const dropped: AppliedPatch[] = [];
  let head = to;
  for (const [index, patch] of applied.entries()) {
    const picked = await run(['cherry-pick', '--no-commit', patch.commit]);
    if (picked.code !== 0) {
      const conflicts = await readConflicts(work, patch.commit, `${from}..${to}`);
      const left = applied.length - index - 1;
      if (conflicts.length)
        throw new PatchConflict(
          patch,
          conflicts,
          `${patch.patch} (${patch.subject}) conflicts with upstream at ${sha7(to)}, in ${conflicts.length === 1 ? (conflicts[0]?.path ?? '') : `${conflicts.length} files`}`,
          `nothing was changed${left ? `, and the ${left} patches after it were not tried` : ''}: ${taskCommand('patch open')}, git rebase ${sha7(to)} there, then patch make --base ${sha7(to)} (docs/16-upstream.md)`,
        );
      throw new Failure(1, `git cannot put ${patch.patch} on ${sha7(to)}`, {
        detail: picked.stderr.trim().split('\n').slice(-8).join('\n'),
      });
    }
    const tree = (await must(['write-tree'], `git cannot write the files of ${patch.patch}`)).trim();
    const before = (await must(['rev-parse', `${head}^{tree}`], 'git cannot read a commit')).trim();
    if (tree === before) dropped.push(patch);
    else head = await commitAgain(work, patch.commit, { tree, parent: head });
    await must(['update-ref', '--no-deref', 'HEAD', head], 'git cannot move HEAD');
  }
  return { head, dropped };
}

/** The same commit with other files and another parent: no byte of its message, author or dates is read by anything. */
async function commitAgain(
  { must }: Workspace,
  commit: string,
  { tree, parent }: { tree: string; parent: string },
): Promise<string> {
  const text = await must(['cat-file', 'commit', commit], 'git cannot read a commit', { bytes: true });
  const changed = text.replace(/^tree \w+\n(?:parent \w+\n)*/, `tree ${tree}\nparent ${parent}\n`);
  const words = ['hash-object', '-t', 'commit', '-w', '--stdin'];
  return (await must(words, 'git cannot write a commit', { input: Buffer.from(changed, 'latin1') })).trim();
}
