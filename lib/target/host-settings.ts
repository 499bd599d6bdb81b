// How a host is reached, as ops.yml says it.

export type HostSettings =
  | { name: string; kind: 'local' }
  | {
      name: string;
      kind: 'ssh';
      /** As written in ops.yml: `user@host`, `user@host:port`, or an alias of ~/.ssh/config. */
      address: string;
      /** Pinned public keys, `ssh-ed25519 AAAA…`; when there is one, known_hosts is not read. */
      hostKeys: string[];
      /** A private key file on this machine, absolute. */
      identity: string | undefined;
      /** A jump host, as after `ssh -J`; undefined: what ~/.ssh/config says. */
      jump: string | undefined;
      /** Pinned public keys of the jump host. */
      jumpHostKeys: string[];
    };

export const thisMachine: HostSettings = { name: 'this machine', kind: 'local' };
