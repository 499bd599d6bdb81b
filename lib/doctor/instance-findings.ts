// The doctor's findings about throw-away instances: whether nginx includes their sites, and whether the server ends them in time.
import { taskCommand } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { instancesFolder } from '../instance/target.ts';
import { instancesQuestion, readLeases } from '../instance/lease.ts';
import { span } from '../duration.ts';
import { instancesTie } from '../proxy/proxies.ts';
import type { Command } from '../host/sh.ts';
import { answerText, type Facts } from '../release/facts.ts';
import { failure, good, type Finding, warning } from '../finding.ts';

/** Lines for askFacts. */
export function instancesDoctorQuestion(target: Target): Command | undefined {
  return target.instances && instancesQuestion(target);
}

export function instanceFindings(target: Target, facts: Facts): Finding[] {
  const { app, environment, instances } = target;
  if (!instances) return [];
  const { tie } = instancesTie(app, environment, instancesFolder(target));
  if (answerText(facts, 'instances-tied') !== 'ours')
    return [failure('instances', 'nginx does not read their sites yet', tie)];
  const marks = readLeases(facts);
  const now = facts.now.getTime() / 1000;
  // cron looks once a minute, and taking one away lasts a little
  const overdue = marks.filter(mark => mark.end < now - 300);
  if (!overdue.length) return [good('instances', marks.map(mark => mark.name).join(', ') || 'none')];
  return overdue.map(({ name, end }) =>
    warning(
      'instances',
      `${name} should have ended ${span(now - end)} ago: does cron run?`,
      taskCommand(`instance down --name ${name}`, target),
    ),
  );
}
