// The task for exit 6: shows what an attempt left and the present state, retries its undo, or accepts the present state.
import { Failure } from '../lib/errors.ts';
import { askFacts } from '../lib/deploy/ask-facts.ts';
import { leftoverQuestion, readLeftover } from '../lib/plan/keeper/leftover.ts';
import { lookAround } from '../lib/recover/present-state.ts';
import { acceptPresent, accepts, tryAgain } from '../lib/recover/recover.ts';
import { shownLeftover, nothingLeft } from '../lib/recover/show-leftover.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Recover a target after an unfinished attempt: retry its undo, or accept the present state',
  examples: [
    'npx tsx tasks/recover.ts --env production --plan',
    'npx tsx tasks/recover.ts --env production',
    'npx tsx tasks/recover.ts --env production --accept arsvent/production',
    'npx tsx tasks/recover.ts --env production --accept arsvent/production --release 20261120_120004_3f2c1ab --maintenance-off',
  ],
  changes: true,
  args: {
    accept: {
      type: 'string',
      value: 'app/environment',
      about: 'undo nothing more and accept the present state; repeat the name of the target',
    },
    release: { type: 'string', value: 'name', about: 'with --accept: which release serves, by its folder name or SHA' },
    'maintenance-off': { type: 'boolean', about: 'with --accept: end maintenance, whatever serves' },
  },

  async run(context) {
    const { args, report } = context;
    const target = await context.target();
    const name = `${target.app}/${target.environment}`;
    const advice = `--accept ${name}`;
    if (args.accept !== undefined && !accepts(target, args.accept))
      throw new Failure(2, `--accept ${JSON.stringify(args.accept)} does not name ${name}`, { advice });
    if (args.accept === undefined && (args.release !== undefined || args['maintenance-off']))
      throw new Failure(2, '--release and --maintenance-off say what is accepted, and --accept is missing', { advice });

    const host = await context.connect(target.host);
    const facts = await askFacts(host, target, undefined, leftoverQuestion(target));
    const left = readLeftover(facts);
    if (!left) return nothingLeft(target, facts);
    const now = await lookAround(host, target, facts, left, args.release);
    const shown = shownLeftover(target, left, now, report);
    if (args.plan) return shown;
    report.say(shown.text);
    return args.accept === undefined
      ? tryAgain(context, host, target, left)
      : acceptPresent(context, host, target, left, now, args['maintenance-off']);
  },
});
