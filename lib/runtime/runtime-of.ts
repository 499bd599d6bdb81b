// The runtime that ops.yml names for a target.
import type { Target } from '../target/target.ts';
import { composeRuntime } from './compose/compose.ts';
import { processRuntime } from './process/process.ts';
import type { Runtime } from './runtime.ts';
import { systemdRuntime } from './systemd/systemd.ts';

export function runtimeOf(target: Target): Runtime {
  const { runtime } = target;
  if (runtime.kind === 'compose') return composeRuntime(target, runtime);
  if (runtime.kind === 'systemd') return systemdRuntime(target, runtime);
  return processRuntime(target, runtime);
}
