// Encryption with age, on the host: the commands that encrypt for the recipients and decrypt with the identity, in one pass each.
import type { Target } from '../target/target.ts';
import { Failure } from '../errors.ts';
import { lines, script, sh, type Command } from '../host/sh.ts';
import { secretPlace, readSecret, type Secret } from '../secret.ts';
import type { CompleteBackup } from './catalog.ts';
import type { Part } from './manifest.ts';
import { isTrouble } from './verify/damage.ts';
import { checksumStream } from '../host/checksum.ts';

/** What opens an encrypted backup, and where it was found. */
export type Identity = { secret: Secret; place: string };

/**
 * Compares what a pipe reported with what arrived and what was read: a checksum, or tar's count. @throws Failure 7 when a start-up
 * file printed into it, for example, or when it does not unpack to what went into it.
 */
export function verifyPacked(name: string, said: string, sha256: string, raw: string | undefined): void {
  const word = (what: string) => new RegExp(`^${what}:? (\\w+)`, 'm').exec(said)?.[1];
  if (word('packed') !== sha256)
    throw new Failure(7, `${name} arrived as something else than what was packed`, {
      advice:
        'does a start-up file of a shell there print something, such as ~/.bashrc? it must not when nobody is there',
    });
  const wanted = raw ?? word('Total bytes written');
  if (wanted === undefined || word('unpacked') !== wanted)
    throw new Failure(7, `${name} does not unpack to what was read: the memory or the disk there may be faulty`);
}

/** What a part is called in the store. */
export function storedName(name: string, recipients: readonly string[]): string {
  return recipients.length ? `${name}.age` : name;
}

export function isEncrypted({ name }: Pick<Part, 'name'>): boolean {
  return name.endsWith('.age');
}

/** @returns undefined when none of the parts is encrypted. @throws Failure 3 when ops.yml names no identity, or it is not there. */
export async function identityFor(
  target: Target,
  held: CompleteBackup,
  environment: NodeJS.ProcessEnv,
): Promise<Identity | undefined> {
  const parts = [...held.manifest.parts, ...(held.base?.manifest.parts ?? [])];
  if (!parts.some(isEncrypted)) return undefined;
  const reference = target.backup?.encrypt?.identity;
  if (!reference)
    throw new Failure(3, `${held.id} is encrypted${forWhom(held)}, and ops.yml names no identity to open it`, {
      advice: 'backup: { encrypt: { identity: { file: ~/.config/ops/backup.key } } }, with the file on this machine',
    });
  try {
    return { secret: await readSecret(reference, environment), place: secretPlace(reference) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(3, `${held.id} is encrypted${forWhom(held)}, and ${error.message}`, {
      advice: 'bring the identity there, or name its place in ops.yml: backup.encrypt.identity',
    });
  }
}

function forWhom({ manifest: { recipients = [] } }: CompleteBackup): string {
  const short = recipients.map(one => (one.length > 40 ? `${one.slice(0, 24)}…` : one));
  return short.length ? ` for ${short.join(' and ')}` : '';
}

/**
 * Reads the identity as one line and then the object; gives its plain content to `keep`, and says the checksum of what
 * arrived and how age ended. The identity is never in an argument or on a disk: age reads it from a pipe.
 */
export function openingInto(keep: Command): Command {
  return lines(
    script('set -uo pipefail'),
    // when age fails, the rest still goes into the checksum: only this distinguishes a wrong identity from damage
    sh`IFS= read -r key || exit 1
exec 5> >(${checksumStream})
summing=$!
tee -p /dev/fd/5 | age --decrypt --identity <(printf %s "$key" | base64 -d) | ${keep}
codes=("\${PIPESTATUS[@]}")
exec 5>&-
wait "$summing"
echo "age \${codes[1]}"
((codes[0] == 0 && codes[2] == 0))`,
  );
}

/** Why age did not open an object that is undamaged. */
export function notOpened(held: CompleteBackup, part: Part, identity: Identity, words: string): Failure {
  const said = words
    .split('\n')
    .filter(line => line.startsWith('age: ') && !line.startsWith('age: report'))
    .map(line => line.replace(/^age: (error: )?/, ''));
  if (/no identity matched/.test(words))
    return new Failure(3, `the identity in ${identity.place} does not open ${part.name} of ${held.id}`, {
      detail: `it is encrypted${forWhom(held)}`,
      advice: `put the identity of one of them into ${identity.place}, or name another place: backup.encrypt.identity`,
    });
  const what = `${part.name} of ${held.id} cannot be decrypted: ${said[0] ?? 'age did not say why'}`;
  if (/identit|private key|passphrase|SSH/i.test(words))
    return new Failure(3, what, {
      advice: `${identity.place} has to be an age identity (AGE-SECRET-KEY-1…) or an ssh key without a passphrase`,
    });
  // the object is what was stored, and the identity is one of its own
  return new Failure(isTrouble(words) ? 1 : 7, what, { detail: said.join('\n') });
}

/** A recipient that age does not take is a fault of ops.yml. */
export function packingFault(error: unknown): unknown {
  if (!(error instanceof Failure) || !/malformed recipient|unknown recipient|no recipients/i.test(error.detail ?? ''))
    return error;
  return new Failure(3, 'age does not take a recipient of backup.encrypt.recipients', {
    detail: error.detail,
    advice: 'age-keygen -y ~/.config/ops/backup.key prints the right one',
  });
}
