// The doctor's findings about the certificate of a site: whether browsers accept it, and for how long.
import { taskCommand } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { certificateState } from '../certificate/inspect.ts';
import type { Facts } from '../release/facts.ts';
import { failure, good, type Finding, warning } from '../finding.ts';

export function certificateFindings(target: Target, facts: Facts): Finding[] {
  const found = certificateState(target, facts);
  if (!found) return [];
  const { words, state, what } = found;
  if (state === 'good') return [good('certificate', words)];
  const fix = taskCommand(`certificates ${what}`, target);
  return [state === 'bad' ? failure('certificate', words, fix) : warning('certificate', words, fix)];
}
