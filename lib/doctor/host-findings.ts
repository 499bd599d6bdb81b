// The doctor's findings about the server itself: its bash, programs, clock and disk.
import { type Finding, good, failure, warning } from '../finding.ts';
import { packageOf } from '../host/packages.ts';
import type { Facts } from '../release/facts.ts';
import { size } from '../size.ts';
import type { Target } from '../target/target.ts';
import { words } from './answers.ts';

export function hostFindings(target: Target, facts: Facts, clockOff: number): Finding[] {
  return [bash(facts), tools(facts), clock(clockOff), ...disk(target, facts)];
}

function bash(facts: Facts): Finding {
  const version = facts.answers.get('bash') ?? '';
  return Number.parseInt(version) >= 5
    ? good('bash', version)
    : failure('bash', `is ${version || 'unknown'}, and 5 or later is needed`, 'sudo apt-get install bash');
}

function tools(facts: Facts): Finding {
  const lacking = words(facts, 'lacking');
  // of busybox, say: they are there, but not with the options that the keeper needs
  const other = words(facts, 'other').filter(name => !lacking.includes(name));
  const wanted = [...lacking, ...other];
  if (wanted.length === 0) return good('tools', 'all there');
  return failure(
    'tools',
    [
      lacking.length && `missing: ${lacking.join(', ')}`,
      other.length && `not those of GNU and util-linux: ${other.join(', ')}`,
    ]
      .filter(Boolean)
      .join('; '),
    `sudo apt-get install ${[...new Set(wanted.map(packageOf))].join(' ')}`,
  );
}

function clock(off: number): Finding {
  const amount = `${Math.abs(off).toFixed(1)} s ${off > 0 ? 'ahead of' : 'behind'} this machine`;
  return Math.abs(off) <= 5
    ? good('clock', amount)
    : warning(
        'clock',
        `${amount}: times in releases.log will mislead`,
        'timedatectl set-ntp true, on whichever is wrong',
      );
}

function disk(target: Target, facts: Facts): Finding[] {
  const { free, size: all } = facts.disk;
  if (all === 0) return [];
  const says = `${size(free)} free of ${size(all)} (${Math.round((100 * free) / all)} %)`;
  const [inodesFree = 0, inodes = 0] = words(facts, 'inodes').map(Number);
  const fix = 'docker system df and du -xh --max-depth=2 / | sort -h | tail show what fills it';
  const low = free < 1e9 || free / all < 0.15;
  return [
    low ? warning('disk', says, fix) : good('disk', says),
    // btrfs and the like count none
    ...(inodes > 0 && inodesFree / inodes < 0.1
      ? [
          warning(
            'inodes',
            `${Math.round((100 * inodesFree) / inodes)} % free`,
            `du -x --inodes --max-depth=3 ${target.root} | sort -n | tail`,
          ),
        ]
      : []),
  ];
}
