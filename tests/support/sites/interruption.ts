// Cuts deploys off in every way at every step, and looks at what is left: the lock free, one version, nothing over.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Droplet } from '../droplet/droplet.ts';
import { startWire } from '../droplet/wire.ts';
import { disturb, disturbances, type Disturbance, type Moment } from './disturb.ts';
import { calm, type Kind } from './invariants.ts';
import type { Site } from './site.ts';

const torture = process.env['BOOKOPS_TORTURE'] === '1';
/** The same random moments in each run, unless told otherwise. */
let seed = Number(process.env['BOOKOPS_SEED'] ?? 20261120);
const random = () => {
  seed = (seed * 1103515245 + 12345) % 2147483648;
  return seed / 2147483648;
};

export type System = {
  droplet: Droplet;
  siteBy(way: { host?: string; port?: number }): Site;
  /** Two versions that can go to and fro on one database. */
  shas: [string, string];
  target: Kind;
};

/** Declares the tests of one system. */
export async function interrupt(system: System): Promise<void> {
  const { droplet, siteBy, shas, target } = system;
  const wire = await startWire({ host: droplet.ip, port: droplet.sshPort });
  test.after(() => wire.close());
  const site = siteBy({ host: '127.0.0.1', port: wire.port });
  const [first, second] = shas;

  const started = await site.task('deploy', '--env', 'staging', '--sha', first);
  assert.is(started.code, 0, started.stderr);
  const planned = await site.task('deploy', '--env', 'staging', '--sha', second, '--plan', '--json');
  const steps = (planned.json['steps'] as { skip?: string }[]).filter(step => !step.skip).length;
  let state = await calm(droplet, target);

  /** One deploy to the version that does not serve, cut off; then everything must be as if nothing had happened, or done. */
  const once = async (what: Disturbance, moment: Moment) => {
    const before = state;
    const next = before.sha === first ? second : first;
    const said = await disturb(site.start('deploy', '--env', 'staging', '--sha', next), what, moment, {
      droplet,
      wire,
    });
    state = await calm(droplet, target);
    const told = `${what} at ${JSON.stringify(moment)}: ${said?.stderr ?? 'not reached'}`;
    if (!said) {
      assert.is(state.sha, next, told);
      return { what, moment, outcome: 'not reached', seconds: state.secondsUntilFree };
    }
    assert.ok(state.lines - before.lines <= 1, `at most one line more: ${told}`);
    if (state.sha === next) assert.is(state.outcome, 'live', told);
    else
      assert.ok(
        state.lines === before.lines || ['lost', 'aborted', 'failed', 'reverted'].includes(state.outcome),
        `${state.outcome}: ${told}`,
      );
    if (what === 'SIGINT' && state.outcome === 'aborted' && state.lines > before.lines) assert.is(said.code, 130, told);
    if ((what === 'SIGTERM' || what === 'SIGHUP') && state.outcome === 'aborted' && state.lines > before.lines)
      assert.is(said.code, 143, told);
    return {
      what,
      moment,
      outcome: state.lines === before.lines ? 'no attempt' : state.outcome,
      seconds: state.secondsUntilFree,
    };
  };

  const boundaries = torture ? Array.from({ length: steps + 1 }, (_, at) => at) : [];
  // The sample: four ways with each system, so that each way has its turn with one of them, and the worst with both.
  const sampled = disturbances.filter(
    (what, at) => what === 'server killed' || (at % 2 === 0) === (target.kind === 'compose'),
  );
  for (const what of torture ? disturbances : sampled) {
    // each way at another step
    const sample = [Math.min(steps, 1 + ((disturbances.indexOf(what) * 3 + 3) % steps))];
    for (const afterSteps of torture ? boundaries : sample)
      test(`${target.kind}: ${what} after ${afterSteps} of ${steps} steps leaves one good version and nothing to repair`, async () => {
        console.log(JSON.stringify(await once(what, { afterSteps })));
      });
  }
  for (let round = 0; round < (torture ? 50 : 1); round++) {
    const what = disturbances[Math.floor(random() * disturbances.length)] ?? 'SIGKILL';
    const afterMs = Math.round(300 + random() * (target.kind === 'compose' ? 7500 : 3200));
    test(`${target.kind}: ${what} after ${afterMs} ms leaves one good version and nothing to repair`, async () => {
      console.log(JSON.stringify(await once(what, { afterMs })));
    });
  }
  test(`${target.kind}: the deploy after all of that needs no repair`, async () => {
    const next = state.sha === first ? second : first;
    const said = await site.task('deploy', '--env', 'staging', '--sha', next);
    assert.is(said.code, 0, said.stderr);
    state = await calm(droplet, target);
    assert.is(state.sha, next);
  });
}
