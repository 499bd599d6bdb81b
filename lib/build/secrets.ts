// Secrets of a build: read when it begins, handed to buildx by its environment, and taken out of whatever it prints.
import { readSecret, type Secret } from '../secret.ts';
import type { ImageSettings } from '../target/build-settings.ts';
import { secretVariable } from './words.ts';

export type BuildSecrets = {
  /** For the environment of buildx. */
  environment: Record<string, string>;
  /** Without their values, also without single lines of them. */
  masked(text: string): string;
  /** Id → its value as bytes, to be searched for. */
  values: Map<string, Buffer>;
};

/** Shorter ones would be found in words that are none. */
const shortest = 6;

/** @throws Failure 3 for one that is not where ops.yml says */
export async function readBuildSecrets(image: ImageSettings, environment: NodeJS.ProcessEnv): Promise<BuildSecrets> {
  const read = await Promise.all(
    Object.entries(image.secrets).map(async ([id, place]): Promise<[string, Secret]> => {
      return [id, await readSecret(place, environment)];
    }),
  );
  const texts = read.map(([id, secret]): [string, string] => [id, secret.reveal()]);
  const parts = texts
    .flatMap(([, text]) => [text, ...text.split('\n').map(line => line.trim())])
    .filter(part => part.length >= shortest)
    .toSorted((a, b) => b.length - a.length);
  return {
    environment: Object.fromEntries(texts.map(([, text], index) => [secretVariable(index), text])),
    masked: text => parts.reduce((left, part) => left.replaceAll(part, '[secret]'), text),
    values: new Map(texts.filter(([, text]) => text.length >= shortest).map(([id, text]) => [id, Buffer.from(text)])),
  };
}
