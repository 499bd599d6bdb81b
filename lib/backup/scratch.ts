// A scratch folder on a host for the time of a task, and the lock of a target's backups.
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import { lineWriter } from '../report/line-writer.ts';
import type { Host } from '../host/host.ts';
import { packageOf } from '../host/packages.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import { withFunctions } from '../host/stream.ts';

export type Scratch = {
  folder: string;
  /** The host's clock. */
  now: Date;
  /** Bytes that its disk has left. */
  free: number;
  /** Whether the host still keeps it for us. */
  held(): boolean;
  /** Removes the folder and lets go of the lock. */
  end(): Promise<void>;
};

export type ScratchOptions = {
  /** Shell word for the folder in which the folders are made. */
  base: Command;
  /** One at a time: backup, prune and restore of a target; `wait` is how many seconds to wait for it. */
  alone?: { wait: number; holder: string };
  /** Commands that must be there. */
  tools: string[];
};

/** Where a target's own scratch is: on the disk of its data, and readable by nobody else. */
export function baseOn(target: Target): Command {
  return sh`${`${target.paths.releases}/.keeper/backup`}`;
}

/** It takes a moment: nothing is removed under it. */
const tidySeconds = 10;

/** For a machine that has nothing of the target. */
export const baseAnywhere: Command = script('"${TMPDIR:-/var/tmp}/bookops-$(id -u)"');

/**
 * The channel's end is the end of the folder: also that of a program that was killed. What even that left, because the
 * server went down, goes with the next one.
 */
export async function openScratch(host: Host, { base, alone, tools }: ScratchOptions): Promise<Scratch> {
  const text = lines(
    script('set +e; umask 077; trap "" HUP'),
    sh`base=${base}`,
    sh`for tool in ${tools}; do command -v "$tool" >/dev/null || { echo "missing $tool"; exit 1; }; done`,
    // in /var/tmp somebody else may have been faster, and what is made in a folder of theirs they can exchange
    sh`mkdir -p "$base" || exit 1
if [ -L "$base" ] || [ ! -O "$base" ] || [ -n "$(find "$base" -maxdepth 0 -perm /022)" ]; then
  echo "$base belongs to another user, or others can write in it: look who made it, and take it away" >&2
  exit 1
fi`,
    alone &&
      sh`exec 8>>"$base/lock"
flock -w ${Math.max(1, Math.ceil(alone.wait))} 8 || { echo "held $(cat "$base/holder" 2>/dev/null)"; exit 5; }
printf '%s\\n' ${alone.holder} >"$base/holder"`,
    // between the making of a folder and its lock nobody may tidy up; what goes is only renamed meanwhile, as its removal takes longer
    sh`exec 7>>"$base/tidy"
flock -w ${tidySeconds} 7 || { echo "tidying $(head -c 200 "$base/tidy")"; exit 5; }
echo "process $$ since $(date -u +%FT%TZ)" >"$base/tidy"
for other in "$base"/scratch.*; do
  [ -d "$other" ] || continue
  (exec 9>>"$other/lock" && flock -n 9 && mv -fT -- "$other" "$base/gone.\${other##*.}") 2>/dev/null
done
own=$(mktemp -d "$base/scratch.XXXXXXXX") || exit 1
exec 9>>"$own/lock"
flock -n 9 || exit 1
exec 7>&-
for other in "$base"/gone.*; do
  [ -d "$other" ] || continue
  { chmod -R u+rwX "$other"; rm -rf "$other"; } 2>/dev/null
done
echo "ready $(date +%s%3N) $(df -PB1 "$own" | awk 'NR==2 {print $4}') $own"
cat >/dev/null
# what runs in it for a program that was killed may write until its own end: an app has 5 s for that, and a busy server takes longer
for try in {1..60}; do
  chmod -R u+rwX "$own" 2>/dev/null
  rm -rf "$own" 2>/dev/null && break
  sleep 1
done`,
    alone && sh`rm -f "$base/holder"`,
    sh`exit 0`,
  );
  const channel = await host.open(withFunctions(text));
  let over = false;
  const end = () => (over = true);
  channel.ended.then(end, end);
  let complaints = '';
  channel.errors.setEncoding('utf8').on('data', (said: string) => (complaints = (complaints + said).slice(-2000)));
  const answer = await firstLine(channel.output, channel.ended);
  const [word = '', one = '', two = '', ...rest] = answer.split(' ');
  if (word !== 'ready') {
    channel.input.end();
    const { where } = host;
    const said = answer.slice(word.length).trim();
    if (word === 'held')
      throw new Failure(5, `another backup, restore or prune is under way: ${said}`, {
        advice: 'try again later, or wait for your turn with --wait 30m',
      });
    if (word === 'tidying')
      throw new Failure(5, `${where}: for ${tidySeconds} s another run has been cleaning up: ${said || 'one of an older version'}`, { advice: 'try again later, or look at that process there' }); // prettier-ignore
    if (word === 'missing')
      throw new Failure(1, `${where} has no ${said}`, { advice: `there: sudo apt-get install ${packageOf(said)}` });
    throw new Failure(1, `${where} gives no room to work in`, { detail: complaints.trim() || answer });
  }
  return {
    folder: rest.join(' '),
    now: new Date(Number(one)),
    free: Number(two),
    held: () => !over,
    async end() {
      channel.input.end();
      await channel.ended.catch(() => {});
    },
  };
}

function firstLine(output: NodeJS.ReadableStream, ended: Promise<unknown>): Promise<string> {
  return new Promise((resolve, reject) => {
    output.pipe(
      lineWriter(([first], done) => {
        if (first !== undefined) resolve(first);
        done();
      }),
    );
    ended.then(() => setTimeout(() => resolve(''), 200), reject);
  });
}
