// The only maker of shell text: every value becomes exactly one word, whatever it contains.

/** Text for bash on a host. Only sh`…` and its joiners below make one, so nothing unquoted can get in. */
export type Command = { readonly text: string; readonly [made]: true };
declare const made: unique symbol;

type Value = string | number | Command | readonly (string | number)[];

/**
 * sh`tar -C ${dir} -xf ${file}`: a value is always one word, a list is one word per item, a Command is spliced as it is.
 * Throws a TypeError for an empty or missing value, for a NUL, and for a Secret: none of them may become shell text.
 */
export function sh(parts: TemplateStringsArray, ...values: Value[]): Command {
  return command(String.raw({ raw: parts }, ...values.map(words)));
}

/** Several commands, each on its own line. */
export function lines(...commands: (Command | undefined | false)[]): Command {
  return command(
    commands
      .filter(one => one !== undefined && one !== false)
      .map(one => one.text)
      .join('\n'),
  );
}

/** Commands joined by `&&`, each in a group of its own. */
export function all(...commands: Command[]): Command {
  return command(commands.map(one => `{ ${one.text}; }`).join(' && '));
}

/** Shell text from a file of this repository (the keeper, functions of steps). Never call it with text from anywhere else. */
export function script(text: string): Command {
  return command(text);
}

/** A Command a person wrote in ops.yml (migrate, install): it runs as it stands, in the shell its owner expects. */
export function written(text: string): Command {
  if (!text.trim() || text.includes('\0')) throw new TypeError('a command from ops.yml is empty or contains a NUL');
  return command(text);
}

function command(text: string): Command {
  return { text } as Command;
}

function words(value: Value): string {
  if (Array.isArray(value)) return value.map(quote).join(' ');
  if (typeof value === 'object' && value && 'text' in value) return value.text;
  return quote(value as string | number);
}

/** One value as one word of POSIX shell. */
export function quote(value: string | number): string {
  if (typeof value !== 'string' && typeof value !== 'number')
    throw new TypeError(`a command was given ${value === null ? 'null' : typeof value} where it needs a value`);
  const text = String(value);
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new TypeError(`a command was given ${text} where it needs a number`);
  if (!text) throw new TypeError('a command was given "" where it needs a value');
  if (text.includes('\0')) throw new TypeError('a command was given a value with a NUL');
  if (/\p{Cs}/u.test(text)) throw new TypeError('a command was given half a character, which no text can carry');
  return /^[\w@%+:,./-][\w@%+=:,./-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
