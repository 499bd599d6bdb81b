// The one grammar of environment files: what Compose, systemd and a shell read alike, byte for byte, and what is wrong with the rest.

export type EnvProblem = {
  /** Counted from 1; undefined when it is the file as a whole. */
  line: number | undefined;
  /** The variable it is about. */
  key: string | undefined;
  /** A message for people, never with a value. */
  text: string;
};

export type EnvValues = {
  /** Also of a line with a problem, as written: rules about it can be reported at once. */
  values: Map<string, string>;
  problems: EnvProblem[];
};

/** Linux gives no program a longer NAME=value (MAX_ARG_STRLEN), in bytes. */
const longest = 131_071;
/** In bytes; lib/release/facts.ts reads no more of a file. */
export const largestFile = 300_000;
/** bash makes these itself, runs what they name, or reads by them (bash(1), “Shell Variables”; each was tried with 5.2 and dash 0.5.12). */
const shellsOwn =
  /^(_|BASH\w*|SHELLOPTS|E?UID|PPID|(OLD)?PWD|SHLVL|S?RANDOM|SECONDS|LINENO|HISTCMD|EPOCH(SECONDS|REALTIME)|GROUPS|DIRSTACK|FUNCNAME|PIPESTATUS|COMP_WORDBREAKS|OPT(IND|ERR|ARG)|IFS|PS[0124]|POSIXLY_CORRECT)$/;

/**
 * One NAME=value a line. A value is plain, in '…' (stands for itself), or in "…" with \\ before each \\, " and $; a quoted one may
 * go over several lines. What Compose's env_file (2.26, 2.40), systemd's EnvironmentFile (252) and a POSIX shell read
 * differently is a problem; docs/configuration.md has the table.
 */
export function parseEnvFile(text: string): EnvValues {
  const values = new Map<string, string>();
  const problems: EnvProblem[] = [];
  const firstSet = new Map<string, number>();
  const say = (line: number | undefined, key: string | undefined, why: string) =>
    problems.push({ line, key, text: why });
  if (text.includes('\0')) say(undefined, undefined, 'the file contains a NUL character');
  if (Buffer.byteLength(text) >= largestFile)
    say(undefined, undefined, `the file is larger than ${largestFile / 1000} kB, and the rest of it was not looked at`);
  if (text.startsWith('\uFEFF'))
    say(
      1,
      undefined,
      "an invisible mark (BOM) begins the file, and hides the first name: sed -i '1s/^\\xEF\\xBB\\xBF//' takes it away",
    );
  const lines = text.replace(/^\uFEFF/, '').split('\n');
  const windows = lines.findIndex(line => line.endsWith('\r'));
  if (windows >= 0)
    say(
      windows + 1,
      undefined,
      "ends as Windows ends lines, and a shell makes that part of the value: sed -i 's/\\r$//' takes it away",
    );

  for (let index = 0; index < lines.length; index++) {
    const start = index + 1;
    const line = lines[index]?.replace(/\r$/, '') ?? '';
    if (/^[ \t]*(#|$)/.test(line)) {
      if (endsInEscape(line))
        say(start, undefined, 'a comment that ends with \\: systemd before 254 takes the next line for part of it');
      continue;
    }
    const [, exported, key, before, after] = /^[ \t]*(export[ \t]+)?([A-Za-z_]\w*)([ \t]*)=(.*)$/s.exec(line) ?? [];
    if (key === undefined || after === undefined) {
      // The text may be the rest of a secret, so it is not repeated.
      say(start, undefined, 'is not NAME=value: a name of letters, digits and _, directly followed by =');
      continue;
    }
    const first = firstSet.get(key);
    if (first !== undefined) say(start, key, `is set twice, on lines ${first} and ${start}: the last one counts`);
    firstSet.set(key, start);

    const found = readValue(after, () => lines[++index]?.replace(/\r$/, ''));
    if (found === undefined) {
      say(start, key, 'the quote that opens here is never closed');
      index = start - 1;
      continue;
    }
    values.set(key, found.value);
    // `c2VjcmV0==` alone on its line may be the rest of a secret
    const named = found.value === '=' ? undefined : key;
    const why = shellsOwn.test(key)
      ? 'a shell has its own variable of this name: give it another one'
      : (found.why ??
        (exported
          ? 'systemd does not know `export`'
          : before || /^[ \t]+[^ \t]/.test(after)
            ? 'a blank beside the ='
            : undefined));
    if (Buffer.byteLength(`${key}=${found.value}`) > longest)
      say(start, named, `is longer than the ${longest} bytes that Linux gives a program: name a file instead`);
    else if (why) say(start, named, shellsOwn.test(key) ? why : `${why}: ${formOf(named ?? 'NAME', found)}`);
  }
  return { values, problems };
}

type Value = { value: string; why?: string; comment?: boolean };

/** The value after `=`; undefined when its quote is never closed. */
function readValue(after: string, nextLine: () => string | undefined): Value | undefined {
  const text = after.replace(/^[ \t]+/, '');
  const mark = text[0];
  if (mark !== '"' && mark !== "'") return readPlain(after);
  let quoted = text;
  let end: number;
  while ((end = closing(quoted, mark)) === -1) {
    const more = nextLine();
    if (more === undefined) return undefined;
    quoted += `\n${more}`;
  }
  const inside = quoted.slice(1, end);
  const rest = quoted.slice(end + 1);
  const value = mark === '"' ? unescaped(inside) : inside;
  const comment = /^[ \t]+#/.test(rest);
  const why = /^[ \t]*$/.test(rest)
    ? mark === '"'
      ? doubleFault(inside)
      : endsInEscape(inside)
        ? "Compose takes the \\' at its end for a quote that is part of it"
        : undefined
    : comment
      ? 'a comment after the value, which systemd makes part of it'
      : 'text follows the closing quote';
  const fault = why ?? carried(value);
  return { value, comment, ...(fault !== undefined && { why: fault }) };
}

function readPlain(after: string): Value {
  const comment = /[ \t]#/.test(after);
  const value = after.replace(/[ \t]#.*$/s, '').replace(/^[ \t]+|[ \t]+$/g, '');
  const faults: [RegExp, string][] = [
    // at the end of a value it is one for nobody
    [/\$(?!$)/, 'Compose and a shell read a $ as a variable, systemd does not'],
    [/\\/, 'a backslash outside of quotes is kept by Compose only'],
    [/`/, 'a shell runs what stands in `…`'],
    [/['"]/, 'a quote inside of a value without quotes'],
    [/[;&|<>()]/, 'a shell ends the value at ; & | < > ( and )'],
    [/[ \t]/, 'a shell takes what follows a blank for a command'],
    [/(^|:)~/, 'a shell reads ~ as a home'],
    [/^[\s\u0085]|[\s\u0085]$/u, 'an invisible space at its end, which Compose takes away'],
  ];
  const fault =
    faults.find(([form]) => form.test(value))?.[1] ??
    carried(value) ??
    (comment ? 'a comment after the value, which systemd makes part of it' : undefined);
  return { value, comment, ...(fault !== undefined && { why: fault }) };
}

function closing(quoted: string, mark: string): number {
  for (let at = 1; at < quoted.length; at++) {
    if (mark === '"' && quoted[at] === '\\') at++;
    else if (quoted[at] === mark) return at;
  }
  return -1;
}

/** As systemd and a shell do; Compose does the same with \\ " and $, and nothing else is accepted. */
function unescaped(text: string): string {
  return text.replace(/\\([\\"$`\n])/g, (_, letter: string) => (letter === '\n' ? '' : letter));
}

function doubleFault(inside: string): string | undefined {
  const bare = inside.replace(/\\[\\"$]/g, '');
  if (/\$(?!$)/.test(bare)) return 'Compose and a shell read a $ in "…" as a variable, systemd does not';
  if (bare.includes('`')) return 'a shell runs what stands in `…`, and Compose keeps a \\ before it';
  if (/\\[nrt]/.test(bare))
    return 'Compose makes \\n, \\r and \\t in "…" another character, systemd and a shell do not (a real line break in quotes is read alike)';
  return bare.includes('\\') ? 'a backslash in "…" that does not stand before \\, " or $' : undefined;
}

/** What no form of writing it helps. */
function carried(value: string): string | undefined {
  if (value.includes('\uFFFD')) return 'systemd refuses the whole file for bytes that are no UTF-8';
  return /[^\P{Cc}\n\t]/u.test(value) ? 'a control character, which older systemd leaves out' : undefined;
}

function endsInEscape(text: string): boolean {
  return (/\\*$/.exec(text)?.[0].length ?? 0) % 2 === 1;
}

function formOf(key: string, { value, comment }: Value): string {
  const form = formFor(value);
  if (!form) return 'there is no form that all read alike: put it into a file of its own, or encode it as base64';
  const shown = {
    plain: value ? `${key}=…` : `${key}=`,
    single: `${key}='…'`,
    double: `${key}="…" with a \\ before each \\, " and $`,
  };
  return `write ${shown[form]}${comment ? ', and the comment on a line of its own' : ''}`;
}

function formFor(value: string): 'plain' | 'single' | 'double' | undefined {
  if (carried(value) !== undefined) return undefined;
  if (/^[\w@%+=:,./*?!^[\]{}-]*$/.test(value)) return 'plain';
  if (!value.includes("'") && !endsInEscape(value)) return 'single';
  return value.includes('`') ? undefined : 'double';
}

/** One line (or more) that all read as this value; undefined when there is no such form. Always in quotes, also where none are needed. */
export function assignment(key: string, value: string): string | undefined {
  const form = formFor(value);
  if (!form) return undefined;
  return form === 'double' ? `${key}="${value.replace(/[\\"$]/g, '\\$&')}"` : `${key}='${value}'`;
}
