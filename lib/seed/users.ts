// The users that data are seeded with: a JSON list in arsvent's form; everything wrong with it at once, each with its place and never its value.
import { open } from 'node:fs/promises';
import * as v from 'valibot';
import { mustBe, yes } from '../config/schema/values.ts';
import { sourceOf, type Problem } from '../yaml/problems.ts';
import { faults } from '../config/schema/file.ts';
import { shape } from '../config/schema/combinators.ts';
import { positionOf, plain, textAt } from '../yaml/tree.ts';
import { readYaml } from '../yaml/yaml.ts';
import { didYouMean } from '../did-you-mean.ts';
import { Failure, messageOf } from '../errors.ts';
import { Secret } from '../secret.ts';

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

const largest = 1_000_000;

export type Users = { count: number; json: Secret };

/** @throws Failure 3 for a file that is none, 2 when nobody named it. */
export async function readUsers(file: string | undefined): Promise<Users> {
  if (file === undefined) throw new Failure(2, '--users is missing: which list?', { advice: 'add --users users.json' });
  let text: string;
  try {
    const handle = await open(file);
    try {
      if ((await handle.stat()).size > largest) throw new Error(`it is larger than ${largest / 1e6} MB`);
      text = new TextDecoder('utf-8', { fatal: true }).decode(await handle.readFile());
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new Failure(3, `cannot read ${file}: ${messageOf(error)}`);
  }
  return usersIn(file, text);
}

export function usersIn(file: string, text: string): Users {
  const { place } = sourceOf(file, text);
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    // the rest of what it says repeats the text
    const [, at] = /at position (\d+)/.exec(messageOf(error)) ?? [];
    throw refusal(file, [`${at === undefined ? file : place(Number(at))} is no JSON`]);
  }
  if (!Array.isArray(list)) throw refusal(file, [`${file} must be a list of users: [{ "discordUserId": "…" }, …]`]);
  if (!list.length) throw refusal(file, [`${file} names no user`]);
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
  for (const [index] of list.entries()) {
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
  return { count: list.length, json: new Secret(JSON.stringify(list)) };
}

const mostTold = 22;

function refusal(file: string, told: string[]): Failure {
  const more = told.length - mostTold;
  const lines = more > 0 ? [...told.slice(0, mostTold), `… and ${more} more`] : told;
  if (told.length > 1) lines.unshift(`${told.length} things are wrong in ${file}:`);
  return new Failure(3, lines.join('\n'), {
    advice: 'docs/45-staging-and-instances.md has the fields of a user; nothing was changed',
  });
}
