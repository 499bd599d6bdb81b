// Recreates a target's data: what must never be seeded, and the steps that run the app's own commands.
import { targetName } from '../target/command.ts';
import { parseEnvFile } from '../env/grammar.ts';
import type { Target } from '../target/target.ts';
import type { Seed } from '../target/instance-settings.ts';
import { Failure } from '../errors.ts';
import type { Facts } from '../release/facts.ts';
import type { Step } from '../plan/step.ts';
import { type Change } from '../release/change.ts';
import { runtimeOf } from '../runtime/runtime-of.ts';
import type { Users } from './users.ts';

/** @throws Failure 3 when ops.yml does not explicitly allow seeding it. */
export function seedOf(target: Target): Seed {
  if (target.seed) return target.seed;
  throw new Failure(3, `${targetName(target)} has no seed in ops.yml, so its data are never made anew`, {
    advice: 'seed: { command: …, guards: { APP_ENV: staging } } under an environment that is not production',
  });
}

/** @throws Failure 3 when the environment files on the host do not agree with that. */
export function verifySeedable(target: Target, facts: Facts): void {
  const seed = seedOf(target);
  const name = targetName(target);
  const files = target.env.map(({ file, keys }, index) => ({ file, keys, text: facts.envFiles[index] }));
  const wrong = Object.entries(seed.guards).flatMap(([key, wanted]) => {
    const asked = files.filter(({ keys }) => Object.hasOwn(keys, key));
    if (!asked.length) return [`no environment file is known to say ${key}`];
    return asked.flatMap(({ file, text }) => {
      if (text === undefined) return [`${file} is missing or cannot be read, and it must say ${key}`];
      const { values, problems } = parseEnvFile(text);
      if (values.get(key) !== wanted) return [`${file}: ${key} must be ${wanted}`];
      return problems.flatMap(one => (one.key === key ? [`${file}:${one.line}: ${key}: ${one.text}`] : []));
    });
  });
  if (wrong.length)
    throw new Failure(3, `${name} is not seeded: its environment does not say that it may be`, {
      detail: wrong.join('\n'),
      advice: `seed.guards in ops.yml is what protects data; look at the file on ${target.host.name}. Nothing was changed`,
    });
}

/** Around the migration: first empty, then filled. The users travel on standard input and are on no disk. */
export function fillSteps(target: Target, seed: Seed, change: Change, users: Users): { first: Step[]; last: Step[] } {
  const runtime = runtimeOf(target);
  const step = (command: string) => runtime.migrate(change, command, seed.service, seed.seconds);
  return {
    first: seed.reset === undefined ? [] : [{ ...step(seed.reset), title: 'Empty the data' }],
    last: [{ ...step(seed.command), title: `Seed ${users.count} users`, input: users.json }],
  };
}
