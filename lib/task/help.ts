// The text of --help, made from a task's declaration alone; it reads no file and asks no host.
import { flagsOf, type Shape, type Flag } from './flags.ts';

const width = 80;

/** `program` is what a person types to start the task: `npx tsx tasks/deploy.ts`. */
export function help(program: string, shape: Shape): string {
  const flags = [...flagsOf(shape)];
  const short = flags.some(([, flag]) => flag.short);
  const rows = flags.map(([name, flag]): [string, string] => [label(name, flag, short), about(flag)]);
  const words = [
    ...(shape.positionals ?? []).map((one): [string, string] => [
      `<${one.name}>`,
      `${one.about}${one.choices ? ` (${one.choices.join(', ')})` : ''}`,
    ]),
    ...(shape.rest ? [[`-- <${shape.rest.name}>`, shape.rest.about] satisfies [string, string]] : []),
  ];
  const left = Math.min(26, Math.max(...[...rows, ...words].map(([term]) => term.length)));
  return [
    ...wrap(shape.about, width),
    '',
    'Usage',
    ...hang(`  ${program} `, usage(shape)),
    ...section('Arguments', words, left),
    ...section('Flags', rows, left),
    ...(shape.examples.length > 0 ? ['', 'Examples', ...shape.examples.map(example => `  ${example}`)] : []),
    '',
  ].join('\n');
}

function usage(shape: Shape): string {
  const words = (shape.positionals ?? []).map(one => {
    const word = `<${one.name}>${one.many ? '…' : ''}`;
    return one.required ? word : `[${word}]`;
  });
  const env = { one: ['--env <name>'], optional: ['[--env <name>]'], none: [] }[shape.target ?? 'one'];
  return [...words, ...env, '[flags]', ...(shape.rest ? [`-- <${shape.rest.name}>`] : [])].join(' ');
}

function label(name: string, flag: Flag, short: boolean): string {
  const letter = flag.short ? `-${flag.short}, ` : short ? '    ' : '';
  return `${letter}--${name}${flag.type === 'boolean' ? '' : ` <${flag.value ?? 'value'}>`}`;
}

function about(flag: Flag): string {
  const more = [
    flag.type === 'list' ? 'may be repeated' : '',
    flag.type === 'string' && flag.choices ? `one of: ${flag.choices.join(', ')}` : '',
    flag.type !== 'boolean' && flag.default !== undefined ? `default: ${flag.default}` : '',
  ].filter(Boolean);
  return more.length > 0 ? `${flag.about} (${more.join('; ')})` : flag.about;
}

function section(title: string, rows: [string, string][], left: number): string[] {
  if (rows.length === 0) return [];
  return [
    '',
    title,
    ...rows.flatMap(([term, text]) =>
      term.length > left ? [`  ${term}`, ...hang(' '.repeat(left + 4), text)] : hang(`  ${term.padEnd(left)}  `, text),
    ),
  ];
}

/** `text` behind `start`, further lines below where it began. */
function hang(start: string, text: string): string[] {
  return wrap(text, Math.max(20, width - start.length)).map(
    (line, at) => (at ? ' '.repeat(start.length) : start) + line,
  );
}

function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= columns) lines.splice(-1, 1, `${line} ${word}`);
    else lines.push(word);
  }
  return lines;
}
