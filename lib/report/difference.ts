// What a change of a text file is, line by line, in the unified form that people know from diff -u.

const around = 3;
type Line = { mark: ' ' | '-' | '+'; text: string };

/** Empty when both are equal. */
export function difference(before: string, after: string, path: string): string {
  const lines = compared(linesOf(before), linesOf(after));
  const changed = lines.flatMap((line, at) => (line.mark === ' ' ? [] : [at]));
  if (!changed.length) return '';
  const hunks: { from: number; to: number }[] = [];
  for (const at of changed) {
    const last = hunks.at(-1);
    if (last && at - around <= last.to) last.to = at + around + 1;
    else hunks.push({ from: Math.max(0, at - around), to: at + around + 1 });
  }
  const out = [`--- ${path} on the server`, `+++ ${path} from ops.yml`];
  for (const { from, to } of hunks) {
    const hunk = lines.slice(from, to);
    const place = (other: Line['mark']) => {
      const first = lines.slice(0, from).filter(({ mark }) => mark !== other).length;
      const count = hunk.filter(({ mark }) => mark !== other).length;
      return `${count ? first + 1 : first},${count}`;
    };
    out.push(`@@ -${place('+')} +${place('-')} @@`, ...hunk.map(({ mark, text }) => mark + text));
  }
  return out.join('\n');
}

function linesOf(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

/** By the longest common subsequence; the files of a proxy have some hundred lines, so a full table is small. */
function compared(before: string[], after: string[]): Line[] {
  const width = after.length + 1;
  const longest = new Uint32Array((before.length + 1) * width);
  const at = (i: number, j: number) => longest[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i--)
    for (let j = after.length - 1; j >= 0; j--)
      longest[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));

  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    const [old, fresh] = [before[i], after[j]];
    if (old !== undefined && old === fresh) {
      lines.push({ mark: ' ', text: old });
      i++;
      j++;
    } else if (old !== undefined && (fresh === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ mark: '-', text: old });
      i++;
    } else {
      lines.push({ mark: '+', text: fresh ?? '' });
      j++;
    }
  }
  return lines;
}
