// Reads one answer of a host, for the doctor.
import type { Facts } from '../release/facts.ts';

/** The words of an answer. */
export function words(facts: Facts, name: string): string[] {
  return (facts.answers.get(name) ?? '').split(/\s+/).filter(Boolean);
}
