// Checks for several kinds of stores: free space, and leftovers of killed uploads.
import { taskCommand } from '../target/command.ts';
import { failure, good, warning, type Finding } from '../finding.ts';
import { size } from '../size.ts';

/** `needed`: the bytes of the newest backup, 0 when there is none. */
export function room(free: number, needed: number, where: string): Finding {
  const says = `${size(free)} free in ${where}`;
  const than = `${says}, and the newest backup has ${size(needed)}`;
  const fix = `make room: ${taskCommand('backups prune')} --plan`;
  if (free < needed) return failure('room', than, fix);
  return free < 3 * needed || free < 1e9 ? warning('room', needed ? than : says, fix) : good('room', says);
}

export function leftovers(count: number): Finding {
  return count
    ? warning(
        'leftovers',
        `${count} uploads that were cut off or are under way`,
        'the next backup removes what is left',
      )
    : good('leftovers', 'no upload that was cut off');
}
