// The undo for the old release: what is recorded before it stops, and how it is started and accepted again.
import { readFileSync } from 'node:fs';
import type { Probe, Health } from '../target/health-settings.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import { asksVersion, probeLines, readyWords } from './probes.ts';

/** What the undo of a stop is made with; `vitals` defines alive and log_tail for the release. */
export type WayBack = {
  /** Before the stop: writes down which probes are good and whether it lives. */
  note(vitals: Command): Command;
  /** The undo: `start` starts it again; it has to be what was noted, and nothing is asked of it that was not good then. */
  back(start: Command, vitals: Command): Command;
};

const words = script(readFileSync(new URL('./previous-release.sh', import.meta.url), 'utf8'));

/**
 * Seconds to wait in an undo: today's deadline may be too short for the release that was there, and a keeper's undo has
 * 300 s in all.
 */
const patience = { least: 60, most: 200 };

/** `passed`: the probes that it passed when it went live. Its version is not asked. */
export function wayBack(health: Health, passed: readonly Probe[]): WayBack {
  const asked = [...health.probes, ...passed].filter(probe => !asksVersion(probe));
  const known = lines(readyWords, words, probeLines(asked, '0'.repeat(40)));
  const seconds = Math.min(patience.most, Math.max(patience.least, Math.ceil(health.deadlineSeconds)));
  return {
    note: vitals => lines(known, vitals, sh`note_serving`),
    back: (start, vitals) =>
      lines(
        known,
        sh`left=''
if lived_before; then
${start}
elif answers_already; then
  left=yes
else
  # what is there already may not start again, and is no worse than before then
  (
${start}
  ) &
  wait "$!" || say_back 'it does not start, and did not run before'
fi`,
        vitals,
        sh`if [[ ! $left ]]; then back_again ${seconds} ${health.intervalSeconds}; fi`,
      ),
  };
}
