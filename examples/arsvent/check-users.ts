// Checks a list of arsvent's users before `seed` takes it: everything wrong with it at once, each with its place and never its value.
// npx tsx examples/arsvent/check-users.ts users.json && npx tsx tasks/seed.ts --env staging --users users.json
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import * as v from 'valibot';
import { shape } from '../../lib/config/schema/combinators.ts';
import { faults } from '../../lib/config/schema/file.ts';
import { mustBe, yes } from '../../lib/config/schema/values.ts';
import { didYouMean } from '../../lib/did-you-mean.ts';
import { Failure, messageOf } from '../../lib/errors.ts';
import { usersIn } from '../../lib/seed/users.ts';
import { sourceOf, type Problem } from '../../lib/yaml/problems.ts';
import { plain, positionOf, textAt } from '../../lib/yaml/tree.ts';
import { readYaml } from '../../lib/yaml/yaml.ts';

const word = v.pipe(
  v.string(mustBe('text')),
  v.check(text => text.trim() !== '', 'is empty'),
);
const days = v.pipe(
  v.number(mustBe('a number')),
  v.integer('must be a whole number'),
  v.minValue(0, 'must not be below 0'),
);
const user = shape({
  discordUserId: word,
  label: v.optional(word),
  username: v.optional(word),
  globalName: v.optional(word),
  locale: v.optional(v.picklist(['de', 'en'], 'must be de or en')),
  mode: v.optional(v.picklist(['NORMAL', 'VETERAN'], 'must be NORMAL or VETERAN')),
  isAdmin: v.optional(yes),
  isSuperAdmin: v.optional(yes),
  guildId: v.optional(word),
  roleIds: v.optional(v.array(word, mustBe('a list'))),
  introCompleted: v.optional(yes),
  lastSolvedDay: v.optional(days),
  lastSolvedAtDaysAgo: v.optional(days),
  lastLoginAtDaysAgo: v.optional(days),
});

/** How many users there are. @throws Failure 3 */
export function checkUsers(file: string, text: string): number {
  const { count } = usersIn(file, text);
  const { place } = sourceOf(file, text);
  // JSON is YAML too, and that reader knows the places
  const { tree, problems } = readYaml(text);
  if (!tree)
    throw refusal(
      file,
      problems.map(({ at, text: what }) => `${place(at)}: ${what}`),
    );
  const found: Problem[] = [...problems];
  for (const fault of faults(v.array(user), plain(tree))) {
    const meant = fault.known && didYouMean(fault.path.at(-1) ?? '', fault.known);
    const hint = meant ? `, did you mean ${meant}?` : fault.known ? `; known: ${fault.known.join(', ')}` : '';
    found.push({ at: positionOf(tree, fault.path, fault.key), path: fault.path.join('.'), text: fault.text + hint });
  }
  const first = new Map<string, number>();
  for (let index = 0; index < count; index++) {
    const id = textAt(tree, index, 'discordUserId');
    const before = id === undefined ? undefined : first.get(id);
    if (before !== undefined) {
      const path = [index, 'discordUserId'];
      found.push({ at: positionOf(tree, path, false), path: path.join('.'), text: `is also that of user ${before}` });
    } else if (id !== undefined) first.set(id, index);
  }
  if (found.length)
    throw refusal(
      file,
      found.toSorted((a, b) => a.at - b.at).map(({ at, path, text: what }) => `${place(at)}: ${path}: ${what}`),
    );
  return count;
}

const mostTold = 22;

function refusal(file: string, told: string[]): Failure {
  const more = told.length - mostTold;
  const lines = more > 0 ? [...told.slice(0, mostTold), `… and ${more} more`] : told;
  if (told.length > 1) lines.unshift(`${told.length} errors in ${file}:`);
  return new Failure(3, lines.join('\n'), {
    advice: 'docs/45-staging-and-instances.md has the fields of a user',
  });
}

if (pathToFileURL(process.argv[1] ?? '').href === import.meta.url) {
  const [file = 'users.json'] = process.argv.slice(2);
  try {
    console.log(`${checkUsers(file, readFileSync(file, 'utf8'))} users`);
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = error instanceof Failure ? error.exit : 1;
  }
}
