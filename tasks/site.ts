// Writes the routes of ops.yml into the proxy's configuration on the server; a configuration that the proxy rejects never stays.
import { targetName, taskCommand } from '../lib/target/command.ts';
import type { Target } from '../lib/target/target.ts';
import { Failure } from '../lib/errors.ts';
import { proxyOf, type Proxy } from '../lib/proxy/proxies.ts';
import { applySteps, siteState } from '../lib/proxy/site.ts';
import { askFacts } from '../lib/deploy/ask-facts.ts';
import { runSteps } from '../lib/plan/run-steps.ts';
import type { Report } from '../lib/report/report.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Show the proxy configuration that ops.yml describes, or apply it on the server',
  examples: [
    'npx tsx tasks/site.ts show --env staging',
    'npx tsx tasks/site.ts apply --env staging --plan',
    'npx tsx tasks/site.ts apply --env production',
  ],
  positionals: [
    {
      name: 'what',
      about: 'show: print it, without asking the server · apply: write it, test it, reload the proxy',
      choices: ['show', 'apply'],
      required: true,
    },
  ],
  changes: true,

  async run(context) {
    const { args, positionals, report } = context;
    const target = await context.target();
    const name = targetName(target);
    const told = { app: target.app, environment: target.environment };
    const front = proxyOf(target);
    if (positionals[0] === 'show') {
      const { file, text } = front;
      return { text: text.trimEnd(), json: { ...told, file, text } };
    }

    const host = await context.connect(target.host);
    const facts = await askFacts(host, target);
    const state = siteState(target, facts);
    const { tied, difference } = state;
    const json = { ...told, file: front.file, difference };
    if (typeof tied === 'object')
      throw new Failure(1, `${front.name} reads ${tied.leadsTo} where the site of ${name} belongs`, {
        advice: `as root on ${target.host.name}, if that is not wanted any more: ${front.tie}`,
      });
    if (state.isApplied && tied === 'ours')
      return { text: `${front.name} serves ${name} as ops.yml says already`, json: { ...json, changed: false } };

    const steps = applySteps(target, state);
    if (args.plan) {
      const titles = steps.map(({ title }, at) => `${at + 1}. ${title}`).join('\n');
      const shown = difference || `${front.file} is written, and ${front.name} has not loaded it yet`;
      return {
        text: `${painted(shown, report.paint)}\n\n${titles}`,
        json: { ...json, steps: steps.map(step => ({ title: step.title, run: step.run.text })) },
      };
    }
    await runSteps(context, host, target, {
      action: 'site',
      steps,
      explain: (_step, said) => explained(said, target, front, facts.user),
    });
    if (tied === 'missing')
      throw new Failure(1, `the site of ${name} is written, and ${front.name} does not read it yet`, {
        advice: `as root on ${target.host.name}, once: ${front.tie}\nthen: ${taskCommand('site apply', target)}`,
      });
    return { text: `${front.name} serves ${name} as ops.yml says`, json: { ...json, changed: true } };
  },
});

function painted(text: string, { red, green, cyan, bold }: Report['paint']): string {
  const paints: [string, (text: string) => string][] = [
    ['---', bold],
    ['+++', bold],
    ['@@', cyan],
    ['-', red],
    ['+', green],
  ];
  return text
    .split('\n')
    .map(line => paints.find(([mark]) => line.startsWith(mark))?.[1](line) ?? line)
    .join('\n');
}

/** The proxy's own message, which names file and line. */
function explained(said: string[], target: Target, front: Proxy, user: string): Failure {
  const lines = said.map(line => line.trim());
  if (front.sudoers && lines.some(line => /^sudo: .*(password|terminal)/.test(line)))
    return new Failure(1, `${user} may not test and reload ${front.name} on ${target.host.name}`, {
      advice: `as root: visudo -f /etc/sudoers.d/bookops, with: ${front.sudoers(user)}`,
    });
  const own = lines.filter(line => /\[(emerg|alert|crit|error)\]|^Error: /.test(line));
  if (!own.length)
    return new Failure(1, `the site of ${targetName(target)} was not applied, so what was there is back`, {
      detail: lines.slice(-5).join('\n'),
    });
  const elsewhere = !own.some(
    line => line.includes(front.file) || line.includes(`${target.app}-${target.environment}.conf`),
  );
  return new Failure(1, `${front.name} refuses the configuration, so what was there is back`, {
    detail: own.join('\n'),
    advice: elsewhere
      ? `the fault is not in the site of ${targetName(target)}: repair the file that ${front.name} names`
      : `${taskCommand('site show', target)} prints what was refused`,
  });
}
