// A single change on a target outside a deploy: under the same lock, but no attempt and no line in the release log.
import type { Target } from '../config/target.ts';
import type { Host } from '../host/host.ts';
import { openKeeper } from '../host/keeper.ts';
import type { Command } from '../host/sh.ts';
import type { Result } from '../task.ts';
import type { Surroundings } from './attempt.ts';
import { pairs } from './log.ts';

/** Runs one titled command under the target's lock. @throws Failure 5 when somebody holds it, 1 when the command fails. */
export async function change(
  around: Surroundings,
  host: Host,
  target: Target,
  { title, run, done }: { title: string; run: Command; done: Result },
): Promise<Result> {
  if (around.args.plan)
    return {
      text: `1. ${title}\n   ${run.text.split('\n').join('\n   ')}`,
      json: { steps: [{ title, run: run.text }] },
    };
  const { report, who } = around;
  const keeper = await openKeeper(host, {
    releases: target.paths.releases,
    id: 'none',
    logHead: '',
    holder: pairs({ by: who, action: title.toLowerCase() }),
    client: who,
    appUser: undefined,
    wait: around.args.wait ?? 0,
  });
  keeper.begin([{ title, run }], []);
  try {
    await report.show([{ title, run: say => keeper.done(0, say) }]);
  } finally {
    await keeper.quit();
  }
  return done;
}
