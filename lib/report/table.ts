// Rows as aligned columns, no wider than the terminal they go to.
import { columns, cut, visiblePainted } from './safe-text.ts';

const gap = '  ';

/** The widest columns give way first when the rows are wider than `width`. */
export function table(rows: readonly (readonly string[])[], width: number, head?: readonly string[]): string {
  const cells = [...(head ? [head] : []), ...rows].map(row =>
    row.map(cell => visiblePainted(cell).replace(/\s*[\n\t]\s*/g, ' ')),
  );
  const count = Math.max(0, ...cells.map(row => row.length));
  const widths = narrow(
    Array.from({ length: count }, (_, at) => Math.max(...cells.map(row => columns(row[at] ?? '')))),
    width - gap.length * (count - 1),
  );
  return cells
    .map(row =>
      widths
        .map((room, at) => cut(row[at] ?? '', room))
        .map((cell, at) => cell + ' '.repeat(Math.max(0, (widths[at] ?? 0) - columns(cell))))
        .join(gap)
        .trimEnd(),
    )
    .join('\n');
}

function narrow(widths: number[], room: number): number[] {
  let over = widths.reduce((sum, one) => sum + one, 0) - room;
  const found = [...widths];
  while (over > 0) {
    const widest = Math.max(...found);
    if (widest <= 1) break;
    // Down to the second widest at once: a cell may be a log line of a million characters.
    const next = Math.max(1, ...found.filter(one => one < widest));
    const sharing = found.filter(one => one === widest).length;
    const less = Math.max(1, Math.min(widest - next, Math.floor(over / sharing)));
    for (const [at, one] of found.entries()) {
      if (one !== widest || over <= 0) continue;
      found[at] = one - less;
      over -= less;
    }
  }
  return found;
}
