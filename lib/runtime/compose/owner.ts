// The owner of a Compose project on a host: a target of ops.yml, one of its instances, or somebody else.
import { targetName } from '../../target/command.ts';
import type { Target } from '../../target/target.ts';
import type { Container } from './docker-state.ts';

/** The projects that a target's containers are in: its own, and those of its colours. */
export function projectsOf({ runtime }: Target): string[] {
  return runtime.kind === 'compose' ? [runtime.project, `${runtime.project}-blue`, `${runtime.project}-green`] : [];
}

/** The target of ops.yml that has this project, or is the base of the throw-away copy that has it. */
export function targetOf(
  project: string,
  targets: readonly Target[],
): { target: Target; instance: string } | undefined {
  const exact = targets.find(one => projectsOf(one).includes(project));
  if (exact) return { target: exact, instance: '' };
  const base = targets.find(
    one => one.instances && one.runtime.kind === 'compose' && project.startsWith(`${one.runtime.project}-`),
  );
  return base?.runtime.kind === 'compose'
    ? { target: base, instance: project.slice(base.runtime.project.length + 1) }
    : undefined;
}

export function ownerName(project: string, targets: readonly Target[]): string {
  const found = targetOf(project, targets);
  if (!found) return `the Compose project ${project}`;
  const { target, instance } = found;
  return instance ? `the instance ${instance} of ${targetName(target)}` : `${targetName(target)} (project ${project})`;
}

export function who({ name, project }: Container, targets: readonly Target[]): string {
  return `the container ${name} of ${project ? ownerName(project, targets) : 'no Compose project'}`;
}
