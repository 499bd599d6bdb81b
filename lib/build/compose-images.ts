// The images that the services of a commit's compose file name, to see whether a deploy would pull what is built.
import { textAt, get, type Tree } from '../yaml/tree.ts';
import { readYaml } from '../yaml/yaml.ts';

/** With `variables` filled in as far as they are known: `${A}`, `${A:-otherwise}`, `$A`. Services without an image are left out. */
export function composeImages(text: string, variables: Record<string, string>): string[] {
  const services: Tree | undefined = get(readYaml(text).tree, 'services');
  if (services?.kind !== 'map') return [];
  return [...services.keys.values()].flatMap(({ value }) => {
    const image = textAt(value, 'image');
    return image === undefined ? [] : [substituted(image, variables)];
  });
}

function substituted(text: string, variables: Record<string, string>): string {
  return text.replaceAll(/\$(?:\{(\w+)(?::?[-?+]([^}]*))?\}|(\w+))/g, (whole, braced, otherwise, plain) => {
    const name = String(braced ?? plain);
    return variables[name] ?? (typeof otherwise === 'string' ? otherwise : String(whole));
  });
}
