// The doctor's findings about the server itself: its bash, programs, clock and disk.
import { type Finding, good, failure, warning } from '../finding.ts';
import { packageOf } from '../host/packages.ts';
import { answerText, answerWords, type Facts } from '../release/facts.ts';
import { size } from '../size.ts';
import type { Target } from '../target/target.ts';

export function* hostFindings(target: Target, facts: Facts, clockOff: number): Generator<Finding> {
  const bash = answerText(facts, 'bash');
  yield Number.parseInt(bash) >= 5
    ? good('bash', bash)
    : failure('bash', `is ${bash || 'unknown'}, and 5 or later is needed`, 'sudo apt-get install bash');
  yield tools(facts);
  const amount = `${Math.abs(clockOff).toFixed(1)} s ${clockOff > 0 ? 'ahead of' : 'behind'} this machine`;
  yield Math.abs(clockOff) <= 5
    ? good('clock', amount)
    : warning(
        'clock',
        `${amount}: times in releases.log will mislead`,
        'timedatectl set-ntp true, on whichever is wrong',
      );
  yield* disk(target, facts);
}

function tools(facts: Facts): Finding {
  const lacking = answerWords(facts, 'lacking');
  // of busybox, say: they are there, but not with the options that the keeper needs
  const other = answerWords(facts, 'other').filter(name => !lacking.includes(name));
  if (!lacking.length && !other.length) return good('tools', 'all there');
  const says = [
    lacking.length && `missing: ${lacking.join(', ')}`,
    other.length && `not those of GNU and util-linux: ${other.join(', ')}`,
  ];
  const packages = new Set([...lacking, ...other].map(packageOf));
  return failure('tools', says.filter(Boolean).join('; '), `sudo apt-get install ${[...packages].join(' ')}`);
}

function* disk(target: Target, facts: Facts): Generator<Finding> {
  const { free, size: all } = facts.disk;
  if (all === 0) return;
  const says = `${size(free)} free of ${size(all)} (${Math.round((100 * free) / all)} %)`;
  const [inodesFree = 0, inodes = 0] = answerWords(facts, 'inodes').map(Number);
  const fix = 'docker system df and du -xh --max-depth=2 / | sort -h | tail show what fills it';
  yield free < 1e9 || free / all < 0.15 ? warning('disk', says, fix) : good('disk', says);
  // btrfs and the like count none
  if (inodes > 0 && inodesFree / inodes < 0.1)
    yield warning(
      'inodes',
      `${Math.round((100 * inodesFree) / inodes)} % free`,
      `du -x --inodes --max-depth=3 ${target.root} | sort -n | tail`,
    );
}
