// Checks ops.yml without touching a server: is it valid, what are a target's settings, what is its systemd unit.
import type { Config } from '../lib/config/config.ts';
import type { Target } from '../lib/target/target.ts';
import { task } from '../lib/task/task.ts';
import { type Result } from '../lib/report/result.ts';

export default task(import.meta.url, {
  about: 'Check ops.yml, and show the resulting settings',
  examples: [
    'npx tsx tasks/config.ts check',
    'npx tsx tasks/config.ts show --env staging',
    'npx tsx tasks/config.ts unit --env production --app bibliotheca > bibliotheca.service',
    'npx tsx tasks/config.ts schema > ops.schema.json',
  ],
  positionals: [
    {
      name: 'what',
      about:
        'check: is it valid · show: merged values and their origins · unit: the systemd unit · schema: for editors',
      choices: ['check', 'show', 'unit', 'schema'],
      required: true,
    },
  ],
  target: 'optional',

  async run(context): Promise<Result> {
    const [what] = context.positionals;
    if (what === 'schema') {
      const { jsonSchema } = await import('../lib/config/schema/json-schema.ts');
      const text = jsonSchema();
      return { text: text.trimEnd(), json: JSON.parse(text) };
    }
    if (what === 'check') return check(await context.config(), context.report.table);

    const target = await context.target();
    if (what === 'show') return show(await context.config(), target, context.report);
    const { renderUnit } = await import('../lib/runtime/systemd/unit.ts');
    const unit = await renderUnit(target);
    return { text: unit.trimEnd(), json: { app: target.app, environment: target.environment, unit } };
  },
});

type Table = (rows: readonly (readonly string[])[], more?: { head?: readonly string[] }) => string;

function check({ file, targets }: Config, table: Table): Result {
  const rows = targets.map(target => [target.app, target.environment, target.runtime.kind, whereIs(target)]);
  const named = targets.map(({ app, environment }) => ({ app, environment }));
  return {
    text: `${table(rows, { head: ['app', 'environment', 'runtime', 'where'] })}\n\n${file} is valid`,
    json: { file, targets: named },
  };
}

function whereIs({ host, root }: Target): string {
  return `${host.kind === 'ssh' ? host.address : 'this machine'}:${root}`;
}

function show(config: Config, target: Target, report: { table: Table; paint: { dim(text: string): string } }): Result {
  const settings = config.settings(target);
  const rows = settings.map(({ path, value, from }) => [path, written(value), report.paint.dim(from)]);
  return {
    text: report.table(rows, { head: ['setting', 'value', 'from'] }),
    json: {
      app: target.app,
      environment: target.environment,
      settings: Object.fromEntries(settings.map(({ path, value, from }) => [path, { value, from }])),
    },
  };
}

function written(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
