// Opens the way to a host: by ssh, or to the machine this program runs on.
import type { Readable, Writable } from 'node:stream';
import type { HostSettings } from '../target/target.ts';
import type { Host } from './host.ts';

/** What a host may use of the program around it. */
export type Around = {
  environment: NodeJS.ProcessEnv;
  /** Ends an attempt to connect. What is connected already stays: the way back needs it. */
  signal?: AbortSignal | undefined;
  /** The terminal that `Host.terminal` lends; undefined when there is none. */
  terminal?: Terminal | undefined;
};

export type Terminal = {
  input: Readable & { isTTY?: boolean; isRaw?: boolean; setRawMode?(on: boolean): unknown };
  output: Writable & { isTTY?: boolean; columns?: number; rows?: number };
};

/** Nothing is sent before the first question. @throws Failure 3 for an address that cannot be one. */
export async function connect(settings: HostSettings, around: Around): Promise<Host> {
  if (settings.kind === 'local') return (await import('./local.ts')).localHost(settings.name, around);
  return (await import('./ssh/connection.ts')).sshHost(settings, around);
}
