// Connects to a host: over ssh, or to the machine this program runs on.
import type { HostSettings } from '../target/host-settings.ts';
import type { HostContext, Host } from './host.ts';

/** Nothing is sent before the first question. @throws Failure 3 for an address that cannot be one. */
export async function connect(settings: HostSettings, around: HostContext): Promise<Host> {
  if (settings.kind === 'local') return (await import('./local.ts')).localHost(settings.name, around);
  return (await import('./ssh/connection.ts')).sshHost(settings, around);
}
