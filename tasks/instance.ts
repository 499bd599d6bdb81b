// Throw-away instances of an environment: one per pull request, for example, each with its own name, data and expiry.
import { chooseCommit } from '../lib/deploy/artifacts.ts';
import { readTtl, refuseStrayFlags, refuseTaken, withOtherPorts } from '../lib/instance/checks.ts';
import { createInstance } from '../lib/instance/create.ts';
import { extendInstance, removeInstance } from '../lib/instance/end.ts';
import { askInstances } from '../lib/instance/lease.ts';
import { listInstances } from '../lib/instance/list.ts';
import { copyOf, readName, urlOf } from '../lib/instance/target.ts';
import { task } from '../lib/task/task.ts';

export default task(import.meta.url, {
  about: 'Create, list, extend and remove throw-away instances of an environment',
  examples: [
    'npx tsx tasks/instance.ts up --env staging --name pr-42 --sha 3f2c1ab9… --ttl 48h',
    'npx tsx tasks/instance.ts up --env staging --name pr-42 --ref feature/toc --data seed --users users.json',
    'npx tsx tasks/instance.ts list --env staging',
    'npx tsx tasks/instance.ts extend --env staging --name pr-42 --ttl 24h',
    'npx tsx tasks/instance.ts down --env staging --name pr-42 --wait 5m',
  ],
  positionals: [
    {
      name: 'what',
      about: 'up: create it, or deploy another commit to it · list · extend: end it --ttl from now · down: remove it',
      choices: ['up', 'list', 'extend', 'down'],
      required: true,
    },
  ],
  changes: true,
  args: {
    name: { type: 'string', value: 'name', about: 'what it is called, such as pr-42: the first part of its domain' },
    sha: { type: 'string', value: 'commit', about: 'up: the commit that it serves' },
    ref: { type: 'string', value: 'name', about: 'up: a branch or tag; default: what the environment tracks' },
    ttl: {
      type: 'string',
      value: '48h',
      about: 'up and extend: how long from now until the server ends it; default 48h',
    },
    data: {
      type: 'string',
      value: 'kind',
      choices: ['empty', 'seed', 'snapshot'],
      about: 'up, the first time: nothing, --users, or the environment’s database as it is now',
    },
    users: { type: 'string', value: 'file', about: 'up with --data seed: a JSON list of users on this machine' },
    unpushed: { type: 'boolean', about: 'up: also a commit that is on no remote branch' },
    dirty: { type: 'boolean', about: 'up: although the work tree has changes (they stay here)' },
  },

  async run(context) {
    const { args, positionals } = context;
    const [what = ''] = positionals;
    refuseStrayFlags(what, args);
    const name = what === 'list' ? '' : readName(args.name);
    const ttl = readTtl(args.ttl ?? '48h');
    const base = await context.target();
    urlOf(copyOf(base, 'any', [])); // says so when there can be none
    if (what === 'up') refuseTaken(base, name, (await context.config()).targets);
    const sha = what === 'up' ? await chooseCommit(base, args, context.environment) : '';
    const host = await context.connect(base.host);
    return withOtherPorts(context.report, async () => {
      const known = await askInstances(host, base, what === 'up' ? name : undefined);
      if (what === 'list') return listInstances(context.report, host, base, known);
      if (what === 'down') return removeInstance(context, host, base, known, name);
      // the same commit again only extends the time
      const again = known.leases.some(lease => lease.name === name && lease.sha === sha);
      if (what === 'extend' || again) return extendInstance(context, host, base, known, { name, ttl });
      return createInstance(context, host, base, known, { name, sha, end: known.now + ttl });
    });
  },
});
