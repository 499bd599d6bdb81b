// The forms of single values in ops.yml, each with the message when it is wrong.
import { posix } from 'node:path';
import * as v from 'valibot';
import { secondsOf } from '../../duration.ts';
import { assignment } from '../../env/grammar.ts';

/** Kinds of value a person would name, for "must be a list, not text". */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  return typeof value === 'string' ? 'text' : `a ${typeof value}`;
}
export const mustBe = (what: string) => (issue: v.BaseIssue<unknown>) => `must be ${what}, not ${kindOf(issue.input)}`;
export const plainText = v.string(mustBe('text'));
export const oneOf = <const W extends string[]>(...words: W) =>
  v.picklist(words, `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`);
const matching = (form: RegExp, says: string, of: v.GenericSchema<string, string> = plainText) =>
  v.pipe(of, v.regex(form, says));
export const line = v.pipe(
  plainText,
  v.check(text => text.trim() !== '', 'is empty'),
  v.check(text => !/\p{Cc}/u.test(text), 'must be one line without control characters'),
);
export const command = v.pipe(
  plainText,
  v.check(text => text.trim() !== '' && !text.includes('\0'), 'is empty'),
);
export const name = matching(
  /^[a-z0-9][a-z0-9_-]{0,62}$/,
  'must be a name: a-z, 0-9, - and _, beginning with a letter or digit, at most 63',
);
/** On this machine; on the host and in a release, `..` could lead out of the app's own folder. */
export const path = v.pipe(
  line,
  v.check(text => !/^~[^/]/.test(text), 'only ~/ stands for a home, not ~name'),
);
export const hostPath = v.pipe(
  line,
  v.check(text => !text.split('/').includes('..'), 'must not contain ..'),
  v.check(
    text => !text.startsWith('~'),
    'must not begin with ~: it is a path on the host, whose home is not known here',
  ),
);
export const insidePath = v.pipe(
  hostPath,
  v.check(
    text => !/^\/|^-|(^|\/)\.?(\/|$)/.test(text),
    'must be a path inside the release, such as storage or config/.env',
  ),
);
/** What a backup takes: never the root itself, and nothing that leads out of it. */
export const rootPath = v.pipe(
  hostPath,
  v.check(text => !/^\/|^-|(^|\/)\.?(\/|$)/.test(text), 'must be a path inside the root, such as shared/uploads'),
);
// Folders of the system itself: a release there, or its clean-up, would break the server.
const systems = /^\/(etc|bin|sbin|lib\w*|boot|dev|proc|sys|run)(\/|$)|^\/usr\/(?!local\/.)/;
const places = /^\/$|^\/(usr|var|opt|srv|home|root|tmp|mnt|media)$|^\/var\/(lib|log|www|tmp|cache|spool|run)$/;
export const root = v.pipe(
  hostPath,
  v.check(text => text.startsWith('/'), 'must be an absolute path on the host, such as /opt/book/production'),
  v.check(text => !isSystemFolder(text), 'is a folder of the system: give the app one of its own, such as /opt/book'),
);
function isSystemFolder(text: string): boolean {
  const tidy = posix.normalize(text).replace(/(?<=.)\/$/, '');
  return systems.test(tidy) || places.test(tidy);
}

export const whole = (least: number, most: number) =>
  v.pipe(
    v.number(mustBe('a number')),
    v.integer('must be a whole number'),
    v.minValue(least, `must be at least ${least}`),
    v.maxValue(most, `must be at most ${most}`),
  );
export const duration = v.pipe(
  v.string(mustBe('a duration such as 500ms, 60s or 5m')),
  v.regex(/^\d{1,6}(\.\d{1,3})?(ms|s|m|h)$/, 'must be a duration such as 500ms, 60s or 5m'),
  v.check(text => secondsOf(text) !== undefined, 'must be at most a week'),
);
/** How old something may be: nothing waits for it. */
export const age = v.pipe(
  v.string(mustBe('an age such as 36h, 7d or 4w')),
  v.regex(/^[1-9]\d{0,3}[mhdw]$/, 'must be an age such as 36h, 7d or 4w'),
);
export const yes = v.boolean(mustBe('true or false'));
export const scalar = v.union([v.string(), v.number(), v.boolean()], mustBe('text, a number, true or false'));
export const list = <S extends v.GenericSchema>(item: S) => v.array(item, mustBe('a list'));
export const user = matching(/^[a-z_][a-z0-9_-]{0,31}$/, 'must be the name of a user on the host', line);
export const variable = matching(/^[A-Za-z_]\w{0,127}$/, 'must be the name of a variable, such as PORT');
export const address = matching(
  /^(\w[\w.-]*@)?(\w[\w.-]*|\[[0-9a-fA-F:.]+\])(:\d{1,5})?$/,
  'must be user@host, user@host:port, or an alias of ~/.ssh/config',
  line,
);
export const jumps = matching(/^[\w@.:[\],][\w@.:[\],-]*$/, 'must be as after ssh -J: user@host:port', line);
export const publicKey = matching(
  /^(ssh|ecdsa|sk)-[\w@.-]+ [A-Za-z0-9+/]{20,}={0,3}( .*)?$/,
  'must be a public key: ssh-ed25519 AAAA…',
  line,
);
export function isPattern(text: string): boolean {
  try {
    return Boolean(new RegExp(`^(?:${text})$`, 'u'));
  } catch {
    return false;
  }
}
export const url = v.pipe(line, v.check(isWebAddress, 'must be a URL with http:// or https:// and without a user'));
function isWebAddress(text: string): boolean {
  if (!/^https?:\/\/[^\s]+$/.test(text) || !URL.canParse(text)) return false;
  const { username, password: secret } = new URL(text);
  return !username && !secret;
}
export const branch = matching(
  /^(?!.*(\.\.|@\{|\/\/|\.lock$|\/$))[^-/\s~^:?*[\\][^\s~^:?*[\\]*$/,
  'must be a branch, tag or commit',
  line,
);

/** What may stand in a proxy's configuration: nothing that could end a word, open a block or name a variable. */
export const domain = matching(
  /^(?=.{1,253}$)(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  'must be a domain such as book.example.org, in lower case (xn--… for other letters)',
);
/** As Docker takes it, a registry's port included; what would choose a version is refused. */
export const imageName = matching(
  /^([a-z0-9.-]+(:\d{1,5})?\/)?[a-z0-9]+([._-]+[a-z0-9]+)*(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*$/,
  'must be the name of an image in lower case without a tag, such as ghcr.io/ana/writebook',
);
export const routePath = v.pipe(
  plainText,
  v.regex(
    /^\/([A-Za-z0-9._~-]+\/)*([A-Za-z0-9._~-]+)?$/,
    'must be a path such as / or /api/ or /robots.txt: letters, digits, . _ ~ and -',
  ),
  v.check(text => !/(^|\/)\.{1,2}(\/|$)/.test(text), 'must not contain . or .. as a part'),
);
export const proxyPath = matching(
  /^[A-Za-z0-9/._@+-]+$/,
  'must be a path of letters, digits and . _ @ + - only: the proxy reads it',
  hostPath,
);

export const requestSize = matching(/^[1-9]\d{0,5}[kmg]$/, 'must be a size such as 10m');
export const wildcard = matching(
  /^\*\.(?=.{1,200}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  'must be a domain with * for the name of the copy, such as *.staging.example.org',
);
export const portRange = v.pipe(
  plainText,
  v.check(isPortRange, 'must be a range of ports from 1024 to 65535, such as 8400-8499'),
);
function isPortRange(text: string): boolean {
  const [, first = 0, last = 0] = (/^(\d{4,5})-(\d{4,5})$/.exec(text) ?? []).map(Number);
  return first >= 1024 && last <= 65_535 && first <= last;
}
export const oneLineValue = v.pipe(
  plainText,
  v.check(
    text => !text.includes('\n') && assignment('A', text) !== undefined,
    "must be one line without control characters, and none with a ` beside a ' or a \\ at its end: no environment file can carry that",
  ),
);
export const bucketName = matching(
  /^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/,
  'must be the name of a bucket: letters, digits and . _ -',
);
export const storageClass = v.pipe(
  plainText,
  v.regex(/^[A-Za-z][A-Za-z0-9_-]{0,39}$/, 'must be the name of a storage class, such as STANDARD_IA'),
  v.check(
    text => !/^(GLACIER|DEEP_ARCHIVE)$/i.test(text),
    'is a class that nothing can be read from at once, so that no backup there could be proven; GLACIER_IR is not',
  ),
);
/** Of age. Its own secret keys have a form of their own, too, so that the two cannot be mixed up. */
export const recipient = v.pipe(
  line,
  v.check(
    text => !/^AGE-SECRET-KEY/i.test(text),
    'is a secret key: it belongs into the file that identity names; age-keygen -y prints its public half, age1…',
  ),
  v.regex(
    /^(age1[02-9ac-hj-np-z]{58}|ssh-(ed25519|rsa) [A-Za-z0-9+/]{40,}={0,3}( .*)?)$/,
    'must be a public key that age takes: age1…, ssh-ed25519 … or ssh-rsa …',
  ),
);
export const email = matching(/^[A-Za-z0-9._%+-]+@([a-z0-9-]+\.)+[a-z]{2,}$/, 'must be an e-mail address');

/** Whom the machine's own sendmail knows: an address, or a user of the machine. */
export const mailbox = matching(
  /^[A-Za-z0-9_][A-Za-z0-9._%+-]{0,63}(@[A-Za-z0-9][A-Za-z0-9.-]{0,252})?$/,
  'must be an e-mail address',
);
export const metricsFile = v.pipe(
  hostPath,
  v.check(text => /[^/]\.prom$/.test(text), 'must end in .prom, or the node exporter does not read it'),
);
/** A path of a URL that is asked on the machine itself. */
export const askedPath = matching(/^\/[!-~]*$/, 'must be a path such as /health', line);

export const isMap = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
