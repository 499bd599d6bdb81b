// A name that ops.yml uses and does not define.
import { didYouMean } from '../../did-you-mean.ts';

export function unknown(what: string, word: string, candidates: readonly string[]): string {
  const meant = didYouMean(word, candidates);
  if (meant) return `unknown ${what} ${word}, did you mean ${meant}?`;
  return candidates.length ? `unknown ${what} ${word}; known: ${candidates.join(', ')}` : `unknown ${what} ${word}`;
}
