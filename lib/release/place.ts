// The place a release runs in: the one of its target, or that of its colour.
import type { Release } from './release.ts';
import type { Step } from '../plan/step.ts';
import type { Colours } from '../runtime/runtime.ts';

export function samePlace(one: Release, other: Release | undefined): boolean {
  return one.folder === other?.folder && one.colour === other.colour;
}

/** When a target has no colours any more: the place that the last one had. */
export function leaveColour(colours: Colours, was: Release | undefined): Step[] {
  return was?.colour ? [{ title: `Remove the ${was.colour} place`, run: colours.leave(was) }] : [];
}
