// The known word that is closest to a typed one, for every "did you mean".

/** The candidate nearest to `word`: a slip or two away, or one that it begins (`prod` → `production`). */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  const typed = word.slice(0, 100).toLowerCase();
  const allowed = Math.max(1, Math.floor(typed.length / 3));
  let nearest: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const known = candidate.toLowerCase();
    const begun = typed.length >= 3 && known.startsWith(typed);
    const distance = begun ? 0.5 : slips(typed, known);
    if (distance <= allowed && (!nearest || distance < nearest.distance)) nearest = { candidate, distance };
  }
  return nearest?.candidate;
}

/** Letters added, left out, changed or swapped with their neighbour (optimal string alignment). */
function slips(from: string, to: string): number {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const next = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let cost = Math.min(
        (next[column - 1] ?? 0) + 1,
        (last[column] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      if (row > 1 && column > 1 && swapped) cost = Math.min(cost, (before[column - 2] ?? 0) + 1);
      next.push(cost);
    }
    before = last;
    last = next;
  }
  return last[to.length] ?? 0;
}
