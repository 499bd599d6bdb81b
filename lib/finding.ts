// One finding of the doctor: what was checked, its state, and what to type next when it is not good.

export type Finding = {
  check: string;
  state: 'good' | 'warning' | 'failure';
  says: string;
  /** The next command, or what to write where. */
  fix?: string;
};

/** One check of a backup, as a verdict keeps it. */
export type Check = { name: string; good: boolean; found: string };

export function good(check: string, says: string): Finding {
  return { check, state: 'good', says };
}
export function warning(check: string, says: string, fix: string): Finding {
  return { check, state: 'warning', says, fix };
}
export function failure(check: string, says: string, fix: string): Finding {
  return { check, state: 'failure', says, fix };
}
