// What a deploy, rollback or restart requests, and what is prepared to run it.
import type { Command } from '../host/sh.ts';
import type { Keeper } from '../plan/keeper/protocol.ts';
import type { PlanContext } from '../plan/context.ts';
import type { Plan, Step } from '../plan/step.ts';
import type { Change } from '../release/change.ts';
import type { Facts } from '../release/facts.ts';
import type { LogLine } from '../release/log.ts';
import type { Release } from '../release/release.ts';
import type { Target } from '../target/target.ts';

export type DeployRequest = {
  action: 'deploy' | 'rollback' | 'promote' | 'restart' | 'seed' | 'restore';
  /** Pre-flight: the release to put live, or why there is nothing to do. Throws a Failure for what speaks against it. */
  choose(facts: Facts): Promise<Release | Idle>;
  /** The steps, in the order in which a person would do them. */
  plan(change: Change): Promise<Plan>;
  /** The target whose log has to be read along: it must be on the same host. */
  required?: Target | undefined;
  /** What else `choose` has to know of the host: lines of the facts question. */
  asks?: Command | undefined;
  /** What to try when the attempt failed, or failed at that step; default: the logs. */
  advice?: string | ((step: Step | undefined) => string | undefined) | undefined;
};

export type PreparedDeploy = { change: Change; plan: Plan };

/** Nothing to do: the commit is live, which is checked before it is said; or for the reason given. */
export type Idle = { already: string } | { nothing: string };
export type PlanRun = {
  around: PlanContext;
  target: Target;
  intention: DeployRequest;
  ready: PreparedDeploy;
  keeper: Keeper;
  /** performance.now() when the attempt began. */
  begun: number;
  /** The attempt's line once nobody works on it any more, when the connection was lost. */
  aftermath(): Promise<LogLine | undefined>;
};
