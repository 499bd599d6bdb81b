// Builds the address and keys of a host from a checked ops.yml.
import type { HostSettings } from '../../target/host-settings.ts';
import { local } from '../merge.ts';
import type { WrittenHost } from '../schema/file.ts';

export function buildHost(name: string, host: WrittenHost, folder: string): HostSettings {
  if (host === 'local') return { name, kind: 'local' };
  const list = (keys: string | string[] = []) => [keys].flat();
  return {
    name,
    kind: 'ssh',
    address: host.ssh,
    hostKeys: list(host.host_key),
    identity: host.identity === undefined ? undefined : local(host.identity, folder),
    jump: host.jump,
    jumpHostKeys: list(host.jump_host_key),
  };
}
