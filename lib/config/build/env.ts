// Builds the rules of environment files from a checked ops.yml.
import type { CrossCheck, EnvFile, KeyRule } from '../../target/env-rules.ts';
import { texts, type Section } from './given.ts';

export function buildEnvFile(file: Section<'env'>[number]): EnvFile {
  return {
    file: file.file,
    keys: Object.fromEntries(Object.entries(file.keys ?? {}).map(([key, rule]) => [key, ruleOf(rule)])),
    checks: (file.checks ?? []).map(checkOf),
  };
}

function ruleOf(rule: NonNullable<Section<'env'>[number]['keys']>[string]): KeyRule {
  if (typeof rule === 'string') return { required: rule === 'required' };
  return {
    required: rule.required ?? true,
    ...(rule.one_of && { oneOf: rule.one_of.map(String) }),
    ...(rule.pattern !== undefined && { pattern: rule.pattern }),
    ...(rule.number && { number: rule.number }),
    ...(rule.min_length !== undefined && { minLength: rule.min_length }),
    ...(rule.placeholder && { placeholder: rule.placeholder }),
  };
}

function checkOf(check: NonNullable<Section<'env'>[number]['checks']>[number]): CrossCheck {
  const because = check.because === undefined ? {} : { because: check.because };
  if ('same_origin' in check) return { sameOrigin: check.same_origin, ...because };
  // oxlint-disable-next-line unicorn/no-thenable -- the word of ops.yml; its value is never a function
  return { when: texts(check.when), then: texts(check.then), ...because };
}
