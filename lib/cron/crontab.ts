// The crontab of the user who deploys: its lines, and the one way in which they are added and taken away.
import { readFileSync } from 'node:fs';
import { lines, script, sh, type Command } from '../host/sh.ts';

/** Bash functions: change_crontab seconds filter words…, without_and_with without with. */
export const crontabFunctions: Command = script(readFileSync(new URL('crontab.sh', import.meta.url), 'utf8').trimEnd());

/** How long to wait for who else changes the crontab, in seconds. */
const patience = 20;

/** `when` is `@reboot` or the five fields; cron reads % as a line break, so it is escaped here. */
export function cronLine(when: string, command: Command, comment: string): string {
  return `${when} ${command.text} # ${comment}`.replaceAll('%', '\\%');
}

/** Adds a line at the end, unless it is there. Fails, and changes nothing, when the crontab cannot be read or the lock is held for 20 s. */
export function addLine(line: string): Command {
  return lines(crontabFunctions, sh`change_crontab ${patience} without_and_with ${line} ${line}`);
}

/** For askFacts: `cron` when there is one that this user may use, `cron-refused` with its words when not, `boot` when a line has this text. */
export function crontabQuestion(text: string): Command {
  return sh`if command -v crontab >/dev/null; then
  if table=$(crontab -l 2>/dev/null) || why=$(crontab -l 2>&1 >/dev/null) || grep -q '^\\(crontab: \\)\\?no crontab for' <<<"$why"; then
    echo yes | fact cron
    if grep -qF ${text} <<<"$table"; then echo yes | fact boot; fi
  else
    head -n 1 <<<"$why" | head -c 200 | fact cron-refused
  fi
fi`;
}
