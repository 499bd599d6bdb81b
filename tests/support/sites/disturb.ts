// The ways in which a deploy is cut off, at a moment: after so many finished steps, or after so many milliseconds.
import type { Droplet } from '../droplet/droplet.ts';
import type { Wire } from '../droplet/wire.ts';
import type { Running, Said } from './site.ts';

export const disturbances = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGKILL',
  'wire cut',
  'wire stalled',
  'server killed',
] as const;
export type Disturbance = (typeof disturbances)[number];
export type Moment = { afterSteps: number } | { afterMs: number };

/** Lets the deploy come to the moment, disturbs it, and waits until the client has ended. undefined: it had ended before. */
export async function disturb(
  running: Running,
  what: Disturbance,
  moment: Moment,
  around: { droplet: Droplet; wire: Wire },
): Promise<Said | undefined> {
  if ('afterSteps' in moment) {
    const reached = (text: string) => text.includes(' … ') && text.split(' ✔ ').length > moment.afterSteps;
    const early = await Promise.race([
      running.until(reached).then(
        () => undefined,
        () => 'over',
      ),
      running.ended.then(() => 'over'),
    ]);
    if (early) return undefined;
  } else {
    const pause = new Promise<undefined>(resolve => setTimeout(() => resolve(undefined), moment.afterMs));
    const early = await Promise.race([pause, running.ended]);
    if (early) return undefined;
  }
  if (what === 'wire cut') around.wire.cut();
  else if (what === 'wire stalled') {
    around.wire.stall();
    const said = await running.ended;
    around.wire.resume();
    around.wire.cut();
    return said;
  } else if (what === 'server killed') {
    await around.droplet.killHard();
    await around.droplet.startAgain();
    running.child.kill('SIGKILL');
  } else running.child.kill(what);
  return running.ended;
}
