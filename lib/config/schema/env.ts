// The keys of ops.yml for environment files: a rule per key, and rules about several.
import * as v from 'valibot';
import { about, either, has, notText, optional, shape, variables } from './combinators.ts';
import { yes, list, scalar, plainText, isPattern, mustBe, whole, variable, line, hostPath } from './values.ts';

const keyRule = either(
  v.picklist(['required', 'optional'], 'must be required, optional, or a map of rules'),
  shape({
    required: optional('Default true', yes),
    one_of: optional('The values allowed', list(scalar)),
    pattern: optional(
      'A regular expression the whole value must match',
      v.pipe(plainText, v.check(isPattern, 'is not a regular expression')),
    ),
    number: optional(
      'The value is a number in this range',
      shape({
        min: v.optional(v.number(mustBe('a number'))),
        max: v.optional(v.number(mustBe('a number'))),
        whole: v.optional(yes),
      }),
    ),
    min_length: v.optional(whole(1, 10_000)),
    placeholder: optional('Refuse values such as changeme or your-key', v.literal('refuse', 'can only be: refuse')),
  }),
  notText,
);

const crossCheck = either(
  // oxlint-disable-next-line unicorn/no-thenable -- the word of ops.yml; its value is never a function
  shape({ when: variables(scalar), then: variables(scalar), because: v.optional(line) }),
  shape({ same_origin: list(variable), because: v.optional(line) }),
  has('same_origin'),
);

export const envFile = shape({
  file: about('The file on the host', hostPath),
  keys: optional('A rule per key: required, optional, or a map', variables(keyRule)),
  checks: optional('Rules about several keys', list(crossCheck)),
});
