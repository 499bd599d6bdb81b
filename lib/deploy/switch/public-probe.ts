// Measures availability during a switch: requests the public route meanwhile, and adds the result to the line in the log.
import { readFileSync } from 'node:fs';
import type { Target } from '../../target/target.ts';
import { lines, script, sh, type Command } from '../../host/sh.ts';
import type { Facts } from '../../release/facts.ts';
import type { Finish, Plan, Step } from '../../plan/step.ts';
import { isTied } from '../../proxy/site.ts';

/**
 * The plan with a probe from the step that opens the window, or starts the next version, to after the one that closes
 * it. Does nothing where no visitor gets through: no site of ours, basic auth, maintenance switched on by a person.
 */
export function whileProbing(target: Target, facts: Facts, id: string, plan: Plan): Plan {
  const { site } = target;
  const upstream = site?.routes.findLast(({ path, goes }) => 'upstream' in goes && path.endsWith('/'));
  const name = site?.domains.find(domain => !domain.startsWith('*'));
  if (!site || !upstream || !name || site.basicAuth || facts.flag !== undefined) return plan;
  if (!isTied(facts)) return plan;
  const first = plan.steps.findIndex(step => step.opensWindow || step.probed);
  if (first < 0) return plan;

  const closes = plan.finish.some(step => step.closesWindow);
  const isTold = closes && target.switch === 'maintenance';
  const scheme = site.tls === 'off' ? 'http' : 'https';
  const words = script(readFileSync(new URL('./public-probe.sh', import.meta.url), 'utf8'));
  const begin = sh`visit ${scheme} ${name} ${upstream.path} ${Math.ceil(site.holdSeconds) + 10}`;
  const told = isTold ? 'told' : 'served';
  const before = (one: Command, step: Step): Step => ({
    ...step,
    run: lines(words, one, step.run),
    // what visitors saw of a reverted version is in its log line too, and a failure here must not make the undo stuck
    ...(step.undo
      ? { undo: lines(step.undo, words, closes && script('closed'), sh`leave_visits ${told} || true`) }
      : {}),
  });
  const end: Finish = {
    title: 'Record what visitors saw',
    cleanup: true,
    run: lines(words, sh`write_visits ${`${target.paths.releases}/releases.log`} ${id} ${told}`),
  };
  // right after the window, before anything that takes a processor away from those who were let in all at once
  const opened = plan.finish.findLastIndex(step => step.closesWindow);
  const last = closes ? opened : plan.finish.findLastIndex(step => !step.cleanup);
  const finish = plan.finish.map(step =>
    step.closesWindow ? { ...step, run: lines(step.run, words, script('closed')) } : step,
  );
  return {
    steps: plan.steps.map((step, at) => (at === first ? before(begin, step) : step)),
    finish: [...finish.slice(0, last + 1), end, ...finish.slice(last + 1)],
  };
}

/** What visitors saw, as the release log has it. `told`: of them, those that got the maintenance page. */
export type Visits = { requests: number; told: number; failures: number; longest: number; window: number | undefined };

/** Reads the line that the finishing step prints; undefined for any other line. */
export function readVisits(line: string): Visits | undefined {
  const said = /^visitors requests=(\d+)(?: told=(\d+))? failures=(\d+) longest=([\d.]+)(?: window=([\d.]+))?$/.exec(
    line,
  );
  if (!said) return undefined;
  const [requests = 0, told = 0, failures = 0, longest = 0] = said.slice(1, 5).map(word => Number(word ?? 0));
  return { requests, told, failures, longest, window: said[5] === undefined ? undefined : Number(said[5]) };
}

/** `14 requests, none failed, the longest took 1.9 s` */
export function toldVisits({ requests, told, failures, longest }: Visits): string {
  const page = told ? `${told} got the maintenance page, ` : '';
  return `${requests} requests, ${page}${failures || 'none'} failed, the longest took ${longest.toFixed(1)} s`;
}
