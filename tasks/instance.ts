// Throw-away copies of an environment: one per pull request, say, each with its own name, data and end.
import { targetName, taskCommand } from '../lib/target/command.ts';
import type { Target } from '../lib/target/target.ts';
import { Failure } from '../lib/errors.ts';
import type { Host } from '../lib/host/host.ts';
import { lines } from '../lib/host/sh.ts';
import { readTtl, refuseStrayFlags, refuseTaken, verifyPlace, withOtherPorts } from '../lib/instance/checks.ts';
import { copyOf, instancesFolder, readName, urlOf } from '../lib/instance/target.ts';
import { instanceTable, instanceState, minuteOf } from '../lib/instance/list.ts';
import { instancesQuestion, isGoing, portsFor, readLeases } from '../lib/instance/lease.ts';
import { span } from '../lib/duration.ts';
import { createSteps, downStep, extendStep } from '../lib/instance/steps.ts';
import { maintenanceQuestion } from '../lib/maintenance/maintenance.ts';
import { attempt } from '../lib/deploy/attempt.ts';
import { type Facts } from '../lib/release/facts.ts';
import { askFacts } from '../lib/deploy/ask-facts.ts';
import { chooseCommit, collectArtifacts } from '../lib/deploy/artifacts.ts';
import { releaseAt, sha7 } from '../lib/release/release.ts';
import { verifyDisk, verifyEnvironment } from '../lib/deploy/preflight.ts';
import { runSteps } from '../lib/plan/run-steps.ts';
import { explainWait } from '../lib/deploy/readiness.ts';
import { switchFor } from '../lib/deploy/switch/switch.ts';
import { surveyed } from '../lib/runtime/compose/survey.ts';
import { runtimeOf } from '../lib/runtime/runtime-of.ts';
import { fillSteps, seedOf, verifySeedable } from '../lib/seed/fill.ts';
import type { Users } from '../lib/seed/users.ts';
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
    dirty: { type: 'boolean', about: 'up: with uncommitted changes (they are not deployed)' },
  },

  async run(context) {
    const { args, positionals, who } = context;
    const [what = ''] = positionals;
    refuseStrayFlags(what, args);
    const name = what === 'list' ? '' : readName(args.name);
    const ttl = readTtl(args.ttl ?? '48h');
    const base = await context.target();
    const about = targetName(base);
    urlOf(copyOf(base, 'any', [])); // says so when there can be none
    if (what === 'up') refuseTaken(base, name, (await context.config()).targets);
    const sha = what === 'up' ? await chooseCommit(base, args, context.environment) : '';
    const host = await context.connect(base.host);
    return withOtherPorts(context.report, async () => {
      const facts = await askBase(host, base, what === 'up' ? name : undefined);
      const marks = readLeases(facts);
      const was = marks.find(mark => mark.name === name);
      const now = Math.floor(facts.now.getTime() / 1000);
      const end = now + ttl;
      const json = { app: base.app, environment: base.environment, name };
      /** What changes a copy that serves has a lock of its own, so that no deploy of the base is in its way. */
      const office: Target = { ...base, paths: { ...base.paths, releases: instancesFolder(base) } };

      if (what === 'list') {
        const found = await Promise.all(marks.map(mark => instanceState(host, base, mark, now)));
        return {
          text: found.length ? instanceTable(found, context.report) : `${about} has no instances`,
          json: { app: base.app, environment: base.environment, instances: found },
        };
      }
      if (what === 'down') {
        if (!was) context.report.warn(`${about} has no instance ${name}; removing what may be left of one`);
        const steps = [downStep(base, name)];
        const shown = await runSteps(context, host, office, { action: 'instance-down', steps });
        return args.plan ? shown : { text: `${name} is removed with everything it had`, json: { ...json, gone: true } };
      }
      // the same commit once more only gets its time
      if (was && (what === 'extend' || was.sha === sha)) {
        const steps = [extendStep(base, was, end)];
        const shown = await runSteps(context, host, office, { action: 'instance-extend', steps });
        if (args.plan) return shown;
        const url = urlOf(copyOf(base, name, was.ports));
        const text = `${name} serves ${was.sha ? sha7(was.sha) : 'nothing yet'} at ${url} until ${minuteOf(end)}, for ${span(ttl)} from now`;
        return { text, json: { ...json, url, end: minuteOf(end), sha: was.sha } };
      }
      if (what === 'extend')
        throw new Failure(2, `${about} has no instance ${name}`, {
          advice: `${marks.length ? `there is ${marks.map(mark => mark.name).join(', ')}; ` : ''}${taskCommand(`instance up --name ${name}`, base)}`,
        });

      // Pre-flight. No impact yet.
      verifyPlace(base, facts);
      const copy = copyOf(base, name, portsFor(base, name, marks));
      const mark = { name, end, made: was?.made ?? now, ports: portsFor(base, name, marks), by: who };
      const data = args.data ?? base.instances?.data ?? 'empty';
      if (was && args.data !== undefined)
        throw new Failure(2, `${name} has its data already`, {
          advice: `leave out --data, or first: ${taskCommand(`instance down --name ${name}`, base)}`,
        });
      if (data === 'snapshot' && base.database?.kind !== 'sqlite')
        throw new Failure(2, `${about} has no SQLite database in ops.yml to copy`, {
          advice: 'leave out --data snapshot',
        });
      const fill = was || data !== 'seed' ? undefined : { seed: seedOf(base), users: await usersOf(args.users) };
      if (!fill && args.users !== undefined) throw new Failure(2, '--users goes with --data seed');
      if (fill) verifySeedable(base, facts);
      if (!was) verifyEnvironment(base, facts);

      const done = await attempt(context, host, copy, {
        action: 'deploy',
        explain: explainWait(copy, sha),
        advice: `what a first release leaves is taken away within a minute; then try again: ${taskCommand(`instance up --name ${name}`, base)}`,

        async choose(own) {
          if (Boolean(was?.sha) !== Boolean(own.current))
            throw new Failure(1, `${name} was made or ended by another run just now`, {
              advice: taskCommand('instance list', base),
            });
          if (was) verifyEnvironment(copy, own);
          verifyDisk(base, facts);
          return releaseAt(copy.paths.releases, own.now, sha, own.folders);
        },

        // Let's go. Start impacting things.
        async plan(change) {
          const materials = await surveyed(
            context,
            host,
            copy,
            change,
            await collectArtifacts(copy, sha, context.environment, args),
          );
          const { steps, finish } = switchFor(copy, change, {
            before: runtimeOf(copy).prepare(change, materials),
            changesData: true,
            // there is nothing to empty yet
            ...(fill && { fill: { ...fillSteps(copy, fill.seed, change, fill.users), first: [] } }),
            why: `by ${who}: ${sha7(sha)}`,
          });
          return {
            steps: [...createSteps({ base, copy, mark, was, data, patience: args.wait ?? 60 }), ...steps],
            finish,
          };
        },
      });
      if (args.plan) return done;
      const url = urlOf(copy);
      return {
        text: `${done.text}\n${url} until ${minuteOf(end)}, when the server itself ends it`,
        json: { ...json, url, end: minuteOf(end), ports: mark.ports, sha, deploy: done.json },
      };
    });
  },
});

/** Facts of the base with its copies. What is left of an earlier copy of that name goes first: its end is under way. */
async function askBase(host: Host, base: Target, name: string | undefined): Promise<Facts> {
  for (let tries = 0; ; tries++) {
    const facts = await askFacts(host, base, undefined, lines(maintenanceQuestion(base), instancesQuestion(base)));
    if (name === undefined || !isGoing(facts, name) || tries === 20) return facts;
    await new Promise(resolve => setTimeout(resolve, 500));
  }
}

async function usersOf(file: string | undefined): Promise<Users> {
  const { readUsers } = await import('../lib/seed/users.ts');
  return readUsers(file);
}
