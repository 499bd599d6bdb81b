// Makes the patches of a branch as files under git, checks that they apply to the pinned commit of upstream, and opens a clone to change them.
import { join, resolve } from 'node:path';
import { Failure, messageOf } from '../lib/errors.ts';
import { resolveCommit, verifyIsClean } from '../lib/git/clone.ts';
import { sha7 } from '../lib/release/release.ts';
import { doItem } from '../lib/report/items.ts';
import type { Result } from '../lib/report/result.ts';
import { nameOf, targetName, taskCommand } from '../lib/target/command.ts';
import { task } from '../lib/task/task.ts';
import { applyPatches, type AppliedPatch } from '../lib/upstream/apply.ts';
import { fetchTip, keepPin } from '../lib/upstream/fetch.ts';
import { formatPatches, makePatches } from '../lib/upstream/make.ts';
import { openPatches, workBranch, workRemote } from '../lib/upstream/open.ts';
import { changedNames, filesOf, hashOf, pinFile, writtenFiles, writtenPatches } from '../lib/upstream/patch-set.ts';
import { openWorkspace, type Workspace } from '../lib/upstream/workspace.ts';
import { patchChanges, writePatches } from '../lib/upstream/write-patches.ts';

export default task(import.meta.url, {
  about: 'Make patches for upstream as files under git, check that they apply, or open a clone to change them',
  examples: [
    'npx tsx tasks/patch.ts make --env production --base v1.2.0',
    'npx tsx tasks/patch.ts open ~/writebook-patches --env production',
    'npx tsx tasks/patch.ts make --env production --clone ~/writebook-patches',
    'npx tsx tasks/patch.ts check --env production',
  ],
  positionals: [
    { name: 'what', about: 'what to do', choices: ['make', 'check', 'open'], required: true },
    { name: 'folder', about: 'for open: where the clone goes' },
  ],
  args: {
    clone: { type: 'string', value: 'folder', about: 'for make: the clone with the commits; default: repo of ops.yml' },
    from: { type: 'string', value: 'ref', about: 'for make: the branch with the commits; default: HEAD of --clone' },
    base: {
      type: 'string',
      value: 'ref',
      about: 'for make: apply to this commit, branch or tag of upstream from now on',
    },
    plan: { type: 'boolean', about: 'for make: show what would be written, and write nothing' },
  },

  async run(context) {
    const { args, positionals, report, environment, folder } = context;
    const [what = 'check', where] = positionals;
    if (what !== 'make')
      for (const flag of ['clone', 'from', 'base'] as const)
        if (args[flag] !== undefined) throw new Failure(2, `--${flag} is for make`);
    if ((what === 'open') !== (where !== undefined))
      throw new Failure(
        2,
        what === 'open' ? 'open needs a folder: where does the clone go?' : `${what} takes no folder`,
      );
    const target = await context.target();
    const { repo, build, app } = target;
    const upstream = build?.upstream;
    if (!repo || !upstream)
      throw new Failure(3, `${targetName(target)} has no build.upstream in ops.yml`, { advice: 'docs/16-upstream.md' });
    const of = { repo, app, upstream };
    const named = { ...nameOf(target), folder: upstream.patches };
    const command = (verb: string) => taskCommand(`patch ${verb}`, target);

    /** With a repository of its own, which is gone afterwards. */
    const inWorkspace = async (clones: string[], run: (work: Workspace) => Promise<Result>) => {
      const work = await openWorkspace(clones, context);
      try {
        return await run(work);
      } finally {
        work.remove();
      }
    };

    if (what === 'make') {
      const clone = args.clone === undefined ? repo : resolve(folder, args.clone);
      if (args.clone === undefined && args.from === undefined && args.base === undefined)
        throw new Failure(2, 'where are the commits? --clone names a clone of upstream, --from a branch in repo', { advice: `${command('open')} <folder> makes such a clone` }); // prettier-ignore
      const base =
        args.base === undefined
          ? (await writtenPatches(repo, upstream.patches)).base
          : await doItem(report, 'Fetch upstream', async () => (await fetchTip(of, args.base, context)).sha);
      await keepPin(of, base, context);
      // a new pin alone starts without patches
      const from = args.from ?? (args.clone === undefined ? base : 'HEAD');
      const tip = await resolveCommit(clone, from, environment);
      await verifyIsClean(clone, tip, environment).catch((error: unknown) => {
        report.warn(`${messageOf(error).split(', and')[0] ?? ''}: they are in no patch`);
      });
      return inWorkspace([repo, clone], async work => {
        const { set, applied } = await makePatches(work, base, tip);
        const changes = await patchChanges(repo, upstream.patches, set, environment);
        const { written, removed } = changes;
        if (!args.plan && written.length + removed.length) await writePatches(repo, upstream.patches, set, changes);
        const done = [...written.map(name => `~ ${name}`), ...removed.map(name => `- ${name}`)];
        const place = join(upstream.patches, '/');
        const head = done.length
          ? `${place}: ${applied.length} patches on ${sha7(base)}${args.plan ? ' (nothing was written)' : ''}`
          : `${place} has these ${applied.length} patches on ${sha7(base)} already: nothing to do`;
        const next = done.length && !args.plan ? [`next: git -C ${repo} add ${upstream.patches}, and commit`] : [];
        return {
          text: [head, ...done.map(line => `  ${line}`), ...next].join('\n'),
          json: { ...named, commit: base, patches: told(applied), sha256: hashOf(set), written, removed },
        };
      });
    }

    const set = await writtenPatches(repo, upstream.patches);
    await keepPin(of, set.base, context);
    return inWorkspace([repo], async work => {
      const applied = await doItem(report, `Apply ${set.patches.length} patches to ${sha7(set.base)}`, () => applyPatches(work, set)); // prettier-ignore
      const head = applied.at(-1)?.commit ?? set.base;
      const json = { ...named, commit: set.base, patches: told(applied), sha256: hashOf(set) };
      if (what === 'open') {
        const path = resolve(folder, where ?? '');
        await openPatches(work, { head, folder: path, repository: upstream.repository }, context);
        const text = `${path} has ${applied.length} patches as commits of the branch ${workBranch}, on ${sha7(set.base)}; ${workRemote} is ${upstream.repository}`;
        return { text: `${text}\nnext: change it, commit, then ${command('make')} --clone ${path}`, json: { ...json, clone: path } }; // prettier-ignore
      }
      const again = filesOf({ base: set.base, patches: await formatPatches(work, set.base, head) });
      const { written } = changedNames(await writtenFiles(repo, upstream.patches), again);
      if (written.length) report.warn(`patch make would write these differently: ${written.join(', ')}`);
      const rows = applied.map(({ patch, subject }) => [`  ${patch}`, subject]);
      const text = `${applied.length} patches apply to ${sha7(set.base)} (${upstream.patches}/${pinFile})`;
      return { text: [text, ...(rows.length ? [report.table(rows)] : [])].join('\n'), json: { ...json, unstable: written } }; // prettier-ignore
    });
  },
});

function told(applied: readonly AppliedPatch[]) {
  return applied.map(({ patch, subject }) => ({ file: patch, subject }));
}
