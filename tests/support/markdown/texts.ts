// Makes chapters by chance, from what authors write and from what only one of the renderers reads; one seed, one text.

export type Chance = { below(count: number): number; pick<T>(list: readonly T[]): T };

export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const below = (count: number) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % count;
  };
  const pick = <T>(list: readonly T[]): T => {
    const one = list[below(list.length)];
    if (one === undefined) throw new RangeError('there is nothing to pick from');
    return one;
  };
  return { below, pick };
}

const words = 'the old house stood by a river and nobody knew who had built it café naïve Straße 日本語 über snake_case 3.14 O’Neill “so”'.split(' '); // prettier-ignore

const spans = (chance: Chance): (() => string)[] => {
  const some = () => sentence(chance, 1 + chance.below(3));
  return [
    () => `*${some()}*`,
    () => `_${some()}_`,
    () => `**${some()}**`,
    () => `***${some()}***`,
    () => `*a **${some()}**.*`,
    () => `**a *${some()}*.**`,
    () => `**${some()}:**${some()}`,
    () => `~~${some()}~~`,
    () => `==${some()}==`,
    () => 'x ==1 and y== 2',
    () => `\`${some()}\``,
    () => '`a * b_c`',
    () => `[${some()}](https://example.org/a_b)`,
    () => `[${some()}](02-next.md#part "Title")`,
    () => `[${some()}] (https://example.org/)`,
    () => `[sic] (${some()})`,
    () => `[${some()}][ref]`,
    () => `![${some()}](images/a%20b.png)`,
    () => '![a "q" b](x.png)',
    () => '![a](x.png =100x200)',
    () => 'https://example.org/a_(b).',
    () => 'www.example.org, ana@example.org',
    () => '<https://example.org/x>',
    () => 'foo__bar__baz',
    () => `<!-- ${some()} -->`,
    () => '<kbd>Ctrl</kbd>',
    () => '<u>under</u>',
    () => 'H<sub>2</sub>O &amp; 5 < 6 &copy;',
    () => 'a\\*b \\_c\\_ \\"q\\"',
    () => 'note[^1]',
    () => '**你好。**再见',
    () => '10 * 20 * 30',
    () => `line  \n${some()}`,
    () => `line\\\n${some()}`,
    () => `\n1984. ${some()}`,
    () => `\n- ${some()}`,
    () => `\n#tag ${some()}`,
  ];
};

export function sentence(chance: Chance, count: number): string {
  return Array.from({ length: count }, () => chance.pick(words)).join(' ');
}

function paragraph(chance: Chance): string {
  const parts = Array.from({ length: 1 + chance.below(4) }, () => {
    const plain = sentence(chance, 2 + chance.below(8));
    return chance.below(3) ? plain : `${plain} ${chance.pick(spans(chance))()}`;
  });
  return parts.join(chance.pick([' ', ' ', '. ', ',\n']));
}

function list(chance: Chance, depth = 0, step = chance.pick([2, 3, 4, 4])): string {
  const marker = chance.pick(['- ', '- ', '* ', '1. ', '1. ', '3. ', '1) ', '- [ ] ', '- [x] ']);
  const indent = ' '.repeat(step * depth);
  const gap = chance.below(5) ? '\n' : '\n\n';
  const items = Array.from({ length: 1 + chance.below(3) }, () => {
    const own = `${indent}${marker}${sentence(chance, 1 + chance.below(4))}`;
    const inner = depth < 2 && !chance.below(3) ? `\n${list(chance, depth + 1, step)}` : '';
    const more = chance.below(8) ? '' : `\n\n${indent}${' '.repeat(step)}${chance.pick([paragraph(chance).replaceAll('\n', ' '), '```', '> quote'])}`; // prettier-ignore
    return own + inner + more;
  });
  return items.join(gap);
}

function table(chance: Chance): string {
  const cell = () => chance.pick([sentence(chance, 1), sentence(chance, 2), 'a \\| b', '`x \\| y`', '**b**', '']);
  const row = () => `| ${cell()} | ${cell()} |`;
  const rows = Array.from({ length: 1 + chance.below(3) }, row);
  return [row(), chance.pick(['|---|---|', '| :-- | --: |', '|:-:|---|']), ...rows].join('\n');
}

const blocks = (chance: Chance): (() => string)[] => [
  ...Array.from({ length: 12 }, () => () => paragraph(chance)),
  () => `${'#'.repeat(1 + chance.below(4))} ${sentence(chance, 3)}`,
  () => ` ## ${sentence(chance, 2)}`,
  () => '# C#',
  () => `${sentence(chance, 3)}\n===`,
  () => `${sentence(chance, 3)}\n${sentence(chance, 3)}\n---`,
  () => list(chance),
  () => list(chance),
  () => `${list(chance)}\n---`,
  () => `${paragraph(chance)}\n${list(chance)}`,
  () => table(chance),
  () => `${sentence(chance, 3)}\n${table(chance)}`,
  () => `> ${sentence(chance, 5)}\n> ${sentence(chance, 3)}`,
  () => `> ${sentence(chance, 2)}\n\n> ${sentence(chance, 2)}`,
  () =>
    `\`\`\`${chance.pick(['', 'ruby', ' js', 'ruby title', 'js {1,3}'])}\n${sentence(chance, 3)}\n\n* not a list\n\`\`\``,
  () => `~~~${chance.pick(['', 'ruby', 'ruby title'])}\ncode *x*\n~~~`,
  () => '    indented code\n    *x*',
  () => chance.pick(['---', '***', '* * *']),
  () => `<!-- ${sentence(chance, 2)} -->`,
  () => `<!-- ${sentence(chance, 2)} -->\n${sentence(chance, 3)}`,
  () => `<div class="x">\n\n*${sentence(chance, 2)}*\n\n</div>`,
  () => `<p>${sentence(chance, 2)}</p>\n*${sentence(chance, 2)}*`,
  () => `<details><summary>s</summary>\n\n${sentence(chance, 3)}\n</details>`,
  () => `[ref]: https://example.org/${chance.below(3)} "T"`,
  () => `[^1]: ${chance.pick(['Ibid.', sentence(chance, 3)])}`,
  () => `1984. ${sentence(chance, 5)}`,
  () => `1. ${sentence(chance, 2)}\n\n\`\`\`\ncode\n\`\`\`\n\n2. ${sentence(chance, 2)}`,
];

export function chapter(chance: Chance): string {
  const count = 1 + chance.below(6);
  const parts = Array.from({ length: count }, () => chance.pick(blocks(chance))());
  const text = `${parts.join('\n\n')}${chance.pick(['\n', '\n', '', '\n\n'])}`;
  // Debian 12 has Redcarpet 3.5, where either fence ends the other; from 3.6 on it does not
  return chance.below(2) ? text.replaceAll('~~~', '```') : text.replaceAll('```', '~~~');
}

/** What most authors write most of the time, which both show alike. */
export function quietChapter(chance: Chance): string {
  const some = () => sentence(chance, 1 + chance.below(6));
  const quiet: (() => string)[] = [
    some,
    () => `${some()} *${some()}* ${some()} **${some()}**, \`${some()}\`.`,
    () => `${some()} [${some()}](02-next.md) ![${sentence(chance, 1)}](images/a.png)`,
    () => `${some()}  \n${some()}\n${some()} <https://example.org/x>`,
    () => `${'#'.repeat(1 + chance.below(4))} ${some()}`,
    () => `${some()}\n---`,
    () => `- ${some()}\n- ${some()}\n    - ${some()}\n- ${some()}`,
    () => `1. ${some()}\n2. ${some()}\n\n${some()}`,
    () => `> ${some()}\n> ${some()}\n\n${some()}`,
    () => `\`\`\`ruby\n${some()}\n\n# ${some()}\n\`\`\``,
    () => `| ${some()} | b |\n|---|:-:|\n| ${some()} | **x** |`,
    () => `~~${some()}~~ &amp; ${some()} <kbd>x</kbd>`,
    () => '* * *',
    () => `<!-- ${some()} -->\n\n${some()}`,
    () => `---\n\n${some()}`,
  ];
  return `${Array.from({ length: 1 + chance.below(8) }, () => chance.pick(quiet)()).join('\n\n')}\n`;
}
