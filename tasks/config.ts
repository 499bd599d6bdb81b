// Checks ops.yml without touching a server: is it valid, what are a target's settings, what is its systemd unit.
import type { Config } from '../lib/config/config.ts';
import type { Target } from '../lib/target/target.ts';
import { task } from '../lib/task/task.ts';
import type { Report } from '../lib/report/report.ts';
import type { Result } from '../lib/report/result.ts';

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
    const unit = renderUnit(target);
    return { text: unit.trimEnd(), json: { app: target.app, environment: target.environment, unit } };
  },
});

function check({ file, targets }: Config, table: Report['table']): Result {
  const rows = targets.map(({ app, environment, runtime, host, root }) => {
    const where = host.kind === 'ssh' ? host.address : 'this machine';
    return [app, environment, runtime.kind, `${where}:${root}`];
  });
  return {
    text: `${table(rows, { head: ['app', 'environment', 'runtime', 'where'] })}\n\n${file} is valid`,
    json: { file, targets: targets.map(({ app, environment }) => ({ app, environment })) },
  };
}

function show(config: Config, target: Target, report: Pick<Report, 'table' | 'paint'>): Result {
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
