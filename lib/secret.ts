// A value that must never be printed: it shows as [secret] wherever it is put by mistake.
import { readFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import { Failure, messageOf } from './errors.ts';

export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  /** The only way to the value; grep for it to see every use. */
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return '[secret]';
  }
  toJSON(): string {
    return '[secret]';
  }
  [inspect.custom](): string {
    return '[secret]';
  }
}

/** A secret, of however many lines, as one line of base64: for the standard input of a command on a host, and nothing else. */
export function secretLine(secret: Secret): string {
  return `${Buffer.from(`${secret.reveal()}\n`).toString('base64')}\n`;
}

/** Where a secret is, as a person knows it. */
export function secretPlace(reference: SecretReference): string {
  return 'env' in reference ? reference.env : reference.file;
}

/** Reads a secret where ops.yml says it is. @throws Failure 3 naming the place, never the value. */
export async function readSecret(reference: SecretReference, environment: NodeJS.ProcessEnv): Promise<Secret> {
  if ('env' in reference) {
    const value = environment[reference.env];
    if (!value)
      throw new Failure(3, `the environment variable ${reference.env} is not set`, {
        advice: `export ${reference.env}=… before the task, or name a file in ops.yml: { file: ~/… }`,
      });
    return new Secret(value.trim());
  }
  try {
    return new Secret((await readFile(reference.file, 'utf8')).trim());
  } catch (error) {
    throw new Failure(3, `the secret file ${reference.file} cannot be read: ${messageOf(error)}`);
  }
}

/** Where a secret is to be found on this machine; its value is read only when it is needed. */
export type SecretReference = { env: string } | { file: string };
