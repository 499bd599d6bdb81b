// What is known of a target's backups from one task to the next: the state of each check, since when, and when it was last reported.
import type { Target } from '../target/target.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';

/** A subject is one word: `backup`, `drill`, `age:disk`. */
export type AlertState = {
  subject: string;
  state: 'good' | 'bad';
  since: Date;
  /** When it was last checked. */
  at: Date;
  /** When it was good last; undefined: never. */
  good: Date | undefined;
  /** How long it took, for what is done and not only checked. */
  seconds: number | undefined;
};

export type Observation = { subject: string; bad: boolean; seconds?: number };

/** `again`: reported a day ago, and unchanged. */
export type Alert = { subject: string; what: 'failure' | 'again' | 'recovery' };

/** Beside drills.log on the host. */
export function stateFile({ paths }: Target): string {
  return `${paths.releases}/backups.state`;
}

/**
 * Records the state, and prints what to report: changes, and once a day what still fails. Two tasks at
 * once run one after the other, so that only one of them reports a change. What is not among `known` is forgotten.
 */
export function recordObservations(target: Target, seen: readonly Observation[], known: readonly string[]): Command {
  return underLock(
    target,
    lines(
      script(`note() {
  local was since told at good took what=
  read -r was since told at good took <<<"\${all[$1]:-}"
  number "$since" || since=$now
  number "$told" || told=0
  number "$good" || good=0
  [[ $2 != good ]] || good=$now
  if [[ $was != "$2" ]]; then
    since=$now
    [[ $2 == bad ]] && what=failure
    [[ $2 == good && $was == bad ]] && what=recovery
    told=$now
  elif [[ $2 == bad ]] && ((now - told >= 86400)); then
    what=again told=$now
  elif [[ $2 == good ]] && ((told == 0)); then
    what=recovery told=$now
  fi
  all[$1]="$2 $since $told $now $good $3"
  [[ -z $what ]] || echo "tell $1 $what"
}`),
      ...seen.map(one => sh`note ${one.subject} ${one.bad ? 'bad' : 'good'} ${one.seconds ?? '-'}`),
      sh`declare -A kept=()
for subject in ${known}; do [[ -z \${all[$subject]:-} ]] || kept[$subject]=\${all[$subject]}; done`,
      script('write kept'),
      script('echo "now $now"; sed "s/^/known /" "$file"'),
    ),
  );
}

/** No alert about these was delivered: the next run sends them. */
export function clearAlerts(target: Target, subjects: readonly string[]): Command {
  return underLock(
    target,
    lines(
      sh`for subject in ${subjects}; do
  read -r was since told rest <<<"\${all[$subject]:-}"
  [[ -z $was ]] || all[$subject]="$was $since 0 $rest"
done`,
      script('write all'),
    ),
  );
}

function underLock(target: Target, text: Command): Command {
  return lines(
    script('set +e; umask 022'),
    sh`file=${stateFile(target)}
mkdir -p ${target.paths.releases} || exit 1
exec 8>>"$file.lock" || exit 1
flock -w 20 8 || { echo "$file has been locked for 20 s by $(head -c 200 "$file.lock")" >&2; exit 1; }
echo "process $$ since $(date -u +%FT%TZ)" >"$file.lock"`,
    script(`declare -A all=()
now=$(date +%s)
number() { [[ $1 =~ ^[0-9]+$ ]]; }
[[ -e $file ]] || : >"$file" || exit 1
while read -r subject rest; do [[ ! $subject =~ ^[a-z0-9:_-]+$ ]] || all[$subject]=$rest; done <"$file"
write() {
  local -n map=$1
  local subject
  for subject in "\${!map[@]}"; do printf '%s %s\\n' "$subject" "\${map[$subject]}"; done | sort >"$file.new" &&
    sync "$file.new" && mv -fT -- "$file.new" "$file" || exit 1
}`),
    text,
  );
}

/** The lines of the file; what is none is passed over. */
export function readState(text: string): AlertState[] {
  return text.split('\n').flatMap(line => {
    const [subject = '', state, since, , at, good, seconds] = line.split(' ');
    if (!subject || (state !== 'good' && state !== 'bad')) return [];
    const known = { subject, state, since: timeOf(since) ?? new Date(0), at: timeOf(at) ?? new Date(0) } as const;
    const took = seconds !== undefined && /^\d+(\.\d+)?$/.test(seconds) ? Number(seconds) : undefined;
    return [{ ...known, good: timeOf(good), seconds: took }];
  });
}

/** What `recordObservations` printed. */
export function readAlerts(text: string): { now: Date; told: Alert[]; known: AlertState[] } {
  const told: Alert[] = [];
  const known: string[] = [];
  let now = new Date(0);
  for (const line of text.split('\n')) {
    const [word, subject = '', what] = line.split(' ');
    if (word === 'now') now = timeOf(subject) ?? now;
    if (word === 'tell' && (what === 'failure' || what === 'again' || what === 'recovery'))
      told.push({ subject, what });
    if (word === 'known') known.push(line.slice('known '.length));
  }
  return { now, told, known: readState(known.join('\n')) };
}

function timeOf(word: string | undefined): Date | undefined {
  return word !== undefined && /^[1-9]\d{0,11}$/.test(word) ? new Date(Number(word) * 1000) : undefined;
}
