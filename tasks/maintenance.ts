// Switches the maintenance page of a target on and off by its flag file, and tells whether it is on.
import { Failure } from '../lib/errors.ts';
import { maintenanceOff, maintenanceOn } from '../lib/proxy/maintenance.ts';
import { change } from '../lib/release/small-change.ts';
import { askFacts } from '../lib/release/facts.ts';
import { task } from '../lib/task.ts';

export default task(import.meta.url, {
  about: 'Show visitors a page that says “back in a moment”, or stop showing it',
  examples: [
    'npx tsx tasks/maintenance.ts on --env production --message "moving house"',
    'npx tsx tasks/maintenance.ts off --env production',
    'npx tsx tasks/maintenance.ts status --env production',
  ],
  positionals: [{ name: 'what', about: 'on, off or status', choices: ['on', 'off', 'status'], required: true }],
  changes: true,
  args: { message: { type: 'string', value: 'text', about: 'why, for those who look at status' } },

  async run(context) {
    const { args, positionals, who } = context;
    const target = await context.target();
    const host = await context.connect(target.host);
    const [what] = positionals;
    const facts = await askFacts(host, target);
    const isOn = facts.flag !== undefined;
    const name = `${target.app} ${target.environment}`;
    if (what === 'status')
      return {
        text: `maintenance of ${name} is ${isOn ? 'on' : 'off'}`,
        json: { app: target.app, environment: target.environment, on: isOn, flag: target.maintenance.flag },
      };
    if (args.message && what === 'off') throw new Failure(2, '--message goes with on');
    const on = what === 'on';
    const json = { app: target.app, environment: target.environment, on, flag: target.maintenance.flag };
    if (isOn === on && !args.message) return { text: `maintenance of ${name} is ${what} already`, json };
    return change(context, host, target, {
      title: `Maintenance ${what}`,
      run: on
        ? maintenanceOn(target.maintenance, `by ${who}: ${args.message ?? 'switched on by hand'}`)
        : maintenanceOff(target.maintenance),
      done: { text: `maintenance of ${name} is ${what}`, json },
    });
  },
});
