// Cleans up the place of a target that does not use colours any more.
import type { Step } from '../plan/step.ts';
import type { Release } from '../release/release.ts';
import type { Colours } from './runtime.ts';

/** When a target has no colours any more: the place that the last one had. */
export function leaveColour(colours: Colours, was: Release | undefined): Step[] {
  return was?.colour ? [{ title: `Remove ${was.colour}`, run: colours.stop(was) }] : [];
}
