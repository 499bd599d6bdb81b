// Renders a configuration for a server from its Liquid template; a missing value is an error.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const load = createRequire(import.meta.url);

export function renderTemplate(template: URL, values: object): string {
  // Loaded here: every task that renders nothing would wait for it.
  const { Liquid }: typeof import('liquidjs') = load('liquidjs');
  const engine = new Liquid({ strictVariables: true, strictFilters: true, ownPropertyOnly: true });
  return String(engine.parseAndRenderSync(readFileSync(template, 'utf8'), values));
}
