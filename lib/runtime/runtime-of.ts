// The runtime that ops.yml names for a target, and a connection to its host whose commands may touch the app's files.
import { remoteOn, type Remote } from '../host/run.ts';
import type { Target } from '../target/target.ts';
import { composeRuntime } from './compose/compose.ts';
import { onceRuntime } from './once/once.ts';
import { processRuntime } from './process/process.ts';
import type { Runtime } from './runtime.ts';
import { systemdRuntime } from './systemd/systemd.ts';

export function runtimeOf(target: Target): Runtime {
  const { runtime } = target;
  if (runtime.kind === 'compose') return composeRuntime(target, runtime);
  if (runtime.kind === 'systemd') return systemdRuntime(target, runtime);
  if (runtime.kind === 'once') return onceRuntime(target, runtime);
  return processRuntime(target, runtime);
}

/** As `remoteOn`, knowing whose processes a command may have to end. @throws Failure 4 when the host cannot be reached */
export async function remoteOf(target: Target, reach: Parameters<typeof remoteOn>[1]): Promise<Remote> {
  return { ...(await remoteOn(target.host, reach)), appUser: runtimeOf(target).appUser };
}
