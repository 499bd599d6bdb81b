// How a target is named to a person: in a sentence, and in a command to paste.

export type TargetName = { app: string; environment: string };

/** The first keys of what a task hands to programs. */
export function nameOf({ app, environment }: TargetName): TargetName {
  return { app, environment };
}

/** `book staging` */
export function targetName({ app, environment }: TargetName): string {
  return `${app} ${environment}`;
}

/**
 * `taskCommand('site apply', target)` is `npx tsx tasks/site.ts apply --env staging --app book`; further flags may follow it.
 * @param words the task and its own words, safe in a shell
 * @param target missing: the caller knows of none, so a person adds --env
 */
export function taskCommand(words: string, target?: TargetName): string {
  const [task = '', ...rest] = words.split(' ');
  const which = target ? ['--env', target.environment, '--app', target.app] : [];
  return ['npx tsx', `tasks/${task}.ts`, ...rest, ...which].join(' ');
}
