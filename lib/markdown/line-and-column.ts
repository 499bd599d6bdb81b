// Turns offsets in a text into lines and columns.

/** Both count from 1; a column is a character as people count them, not a half of one. */
export function lineAndColumn(source: string): (at: number) => { line: number; column: number } {
  const starts = [0, ...[...source.matchAll(/\n/g)].map(({ index }) => index + 1)];
  return at => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((starts[middle] ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: Array.from(source.slice(starts[low], at)).length + 1 };
  };
}
