// The crontab of the deploy user: its lines, and the only code that adds and removes them.
import { readFileSync } from 'node:fs';
import { lines, script, sh, type Command } from '../host/sh.ts';

/** Bash functions: change_crontab seconds filter words…, without_and_with without with. */
export const crontabFunctions: Command = script(
  readFileSync(new URL('./crontab.sh', import.meta.url), 'utf8').trimEnd(),
);

/** How long to wait for who else changes the crontab, in seconds. */
const patience = 20;

/** `when` is `@reboot` or the five fields; cron reads % as a line break, so it is escaped here. */
export function cronLine(when: string, command: Command, comment: string): string {
  return `${when} ${command.text} # ${comment}`.replaceAll('%', '\\%');
}

/** Adds a line at the end in the place of `former` ones, unless it is there. Fails, and changes nothing, when the crontab cannot be read or the lock is held for 20 s. */
export function addLine(line: string, ...former: string[]): Command {
  return lines(
    crontabFunctions,
    sh`change_crontab ${patience} without_and_with ${[...former, line].join('\n')} ${line}`,
  );
}

/** Runs a script only while it is the user's own file, which nobody else may change; says so otherwise, and cron mails it. */
export function runOwn(file: string, words: Command): Command {
  return sh`find ${file} '(' -type l -o ! -user "$(id -u)" -o -perm /022 ')' | grep . && echo 'is not run: it is a link, or others own it or may change it' || bash ${file} ${words}`;
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
