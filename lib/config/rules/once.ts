// Rules for an app of ONCE: what ONCE does by itself has no place in ops.yml, and its backups hold secrets.
import { get } from '../../yaml/tree.ts';
import type { Complaints } from '../../yaml/problems.ts';
import { notOfOnce } from '../merge.ts';
import type { Draft } from './draft.ts';

/** Settings that would do nothing, each with who does it instead. */
const elsewhere: Record<(typeof notOfOnce)[number], string> = {
  database: 'ONCE keeps it in a volume of its own: backup takes its archive',
  migrate: 'the image migrates by itself when it starts',
  env: 'ONCE keeps the variables: once update HOST --env A=1 --env B=2, which replaces all of them',
  site: "ONCE's own proxy has the ports 80 and 443",
  switch: "ONCE's own proxy moves visitors when the next version is healthy",
  maintenance: "ONCE's own proxy knows no such page",
  seed: 'nothing recreates what is in its volume',
  instances: 'a second ONCE has no ports on the same host',
};

export function onceFaults({ settings, tree }: Draft, { wrong, from }: Complaints): void {
  if (settings.runtime !== 'once') return;
  for (const key of notOfOnce) {
    // of what every app has by default nothing is said
    if (get(tree, key)?.path.startsWith('apps.'))
      wrong([key], `is not used with runtime once (${from('runtime')}): ${elsewhere[key]}`);
  }
  const { backup, once } = settings;
  if (once?.host?.startsWith('*')) wrong(['once', 'host'], 'must be one host, without *');
  if (!backup) return;
  for (const part of ['files', 'bucket', 'command', 'references', 'drill'] as const)
    if (backup[part]) wrong(['backup', part], 'is not used with runtime once: a backup is the archive that ONCE makes');
  if (!backup.encrypt?.recipients.length)
    wrong(
      ['backup'],
      "needs encrypt with recipients: the archive of ONCE holds SECRET_KEY_BASE, the mail server's password and every variable in clear",
    );
}
