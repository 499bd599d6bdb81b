// The doctor's findings about maintenance: on for long without an end time, or past its end.
import { taskCommand } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { readFlag } from '../maintenance/flag.ts';
import type { Facts } from '../release/facts.ts';
import { good, type Finding, warning } from '../finding.ts';

export function maintenanceFindings(target: Target, facts: Facts): Finding[] {
  if (facts.flag === undefined) return [];
  const flag = readFlag(facts.flag, facts.now);
  const fix = taskCommand('maintenance off', target);
  const isForgotten = flag.isOver || (flag.until === undefined && flag.minutes > 60);
  // while a task holds the lock, it may be what switched it on, and nothing else ends it
  if (!isForgotten || facts.holder) return [good('maintenance', flag.words)];
  return [
    warning(
      'maintenance',
      `on for ${flag.minutes} min: ${flag.isOver ? 'its end has passed' : 'forgotten?'} (${flag.words})`,
      fix,
    ),
  ];
}
