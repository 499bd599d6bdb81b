// Environment files on a host: exported for a program, and copied with other values, both by read.sh.
import { readFileSync } from 'node:fs';
import { Failure } from '../errors.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import { assignment } from './grammar.ts';

/** Bash functions: read_environment file…, export_environment. */
export const environmentReader: Command = script(readFileSync(new URL('./read.sh', import.meta.url), 'utf8').trimEnd());

/** Lines that export what the files say, of a key the last one; nothing in them is run. They end the shell with 1 for a file that cannot be read. */
export function exportEnvironment(files: readonly string[]): Command {
  if (!files.length) return sh``;
  return lines(environmentReader, sh`read_environment ${files} || exit 1`, script('export_environment'));
}

/** Copies a file with the lines of these keys replaced; everything else stays byte for byte. @throws Failure 3 for a value without a form. */
export function copyWith(from: string, to: string, values: Record<string, string>): Command {
  const own = Object.entries(values);
  if (!own.length) return sh`(umask 077; write_file ${to} <${from})`;
  return sh`(
umask 077
${environmentReader}
read_environment ${from} || exit 1
drop=()
for at in "\${!env_names[@]}"; do
  for key in ${own.map(([key]) => key)}; do [[ \${env_names[at]} != "$key" ]] || drop+=(-e "\${env_lines[at]}d"); done
done
# sed ends the last line where it has no end
{ sed "\${drop[@]}" -e '$a\\' ${from}; printf '%s\\n' ${own.map(([key, value]) => lineFor(key, value))}; } | write_file ${to}
)`;
}

/** The text of an environment file that only we write: each value in quotes. @throws Failure 3 for what cannot be carried. */
export function environmentFile(values: Record<string, string>): string {
  return Object.entries(values)
    .map(([name, value]) => `${lineFor(name, value)}\n`)
    .join('');
}

function lineFor(name: string, value: string): string {
  if (!/^[A-Za-z_]\w*$/.test(name)) throw new Failure(3, `${JSON.stringify(name)} is not a variable name`);
  const line = /\n/.test(value) ? undefined : assignment(name, value);
  if (line === undefined)
    throw new Failure(
      3,
      `the variable ${name} has a line break, a control character, or a \` beside a ' or a \\ at its end: no environment file can carry it`,
    );
  return line;
}
