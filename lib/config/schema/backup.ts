// The keys of ops.yml for backups: stores, alerts, and what a backup contains.
import * as v from 'valibot';
import {
  oneOf,
  age,
  askedPath,
  bucketName,
  command,
  insidePath,
  line,
  list,
  mailbox,
  metricsFile,
  name,
  path,
  recipient,
  root,
  rootPath,
  scalar,
  storageClass,
  url,
  user,
  whole,
  yes,
} from './values.ts';
import { about, either, optional, password, shape, variables } from './combinators.ts';

const storeKind = <K extends string>(kind: K) => v.literal(kind, 'must be path, ssh or s3');
const isKind = (kind: string) => (value: unknown) =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
const storeElsewhere = either(
  shape({
    kind: about('A folder on a host, over ssh', storeKind('ssh')),
    host: about('A name under hosts', name),
    folder: about('The folder there, absolute', root),
  }),
  shape({
    kind: about('A bucket of anything that speaks S3', storeKind('s3')),
    bucket: about('The bucket', bucketName),
    endpoint: optional('Its address; without it, the one of AWS for the region', url),
    region: optional('Its region (default us-east-1, which most others take too)', line),
    prefix: optional('What the keys begin with', rootPath),
    path_style: optional('The bucket is in the path and not in the name (default: with an endpoint)', yes),
    storage_class: optional(
      "The class of all objects from 128 kB on, such as STANDARD_IA (default: the bucket's own)",
      storageClass,
    ),
    key: about('Where the access key is', password),
    secret: about('Where its secret is', password),
  }),
  isKind('s3'),
);
export const store = either(
  shape({
    kind: about('A folder on the machine where the task runs', storeKind('path')),
    folder: about('The folder', path),
  }),
  storeElsewhere,
  value => isKind('s3')(value) || isKind('ssh')(value),
);
const result = either(rootPath, v.literal('-', 'must be a path inside the root, or -'), value => value === '-');
const alertKinds = 'must be slack, webhook, healthchecks or mail';
export const alert = either(
  shape({
    kind: about(
      'slack and what takes its messages, webhook: JSON, healthchecks: a ping on success and one on failure',
      v.picklist(['slack', 'webhook', 'healthchecks'], alertKinds),
    ),
    url: about('Where its address is, which is a secret', password),
  }),
  shape({
    kind: about("E-mail through this machine's sendmail", v.literal('mail', alertKinds)),
    to: about('To whom', mailbox),
  }),
  isKind('mail'),
);
const drill = shape({
  start: about('The command that starts the app from what was restored', command),
  env: optional(
    'All that it gets of an environment; {port}, {database} and {files} stand for those of the drill',
    variables(scalar),
  ),
  ready: about('The path that must answer 2xx', askedPath),
  seconds: optional('How long it may take until then (default 60)', whole(1, 3600)),
  shared: optional('What it may see of shared/ as it is, such as node_modules', list(insidePath)),
  check: optional('A command that is run beside the app when it is ready, and must exit with 0', command),
  application: optional(
    'writebook: its books, leaves and uploads are counted, and one of each kind is opened',
    oneOf('writebook'),
  ),
});
const kept = (what: string) => optional(`Of how many ${what} one good backup stays (default 0)`, whole(0, 1000));
export const backup = shape({
  stores: optional('Names under stores: each gets every backup', list(name)),
  files: optional(
    'Folders and files to back up',
    shape({
      include: optional('Paths inside the root', list(rootPath)),
      exclude: optional(
        'What to leave out: names or paths with * and ?; with / at its end only folders, with / before it only at the top',
        list(line),
      ),
      as: optional('The user who may read and write them, through sudo', user),
      full_every: optional('How often a full backup of them is made; in between, incremental ones (default 7d)', age),
    }),
  ),
  mode: optional(
    'packs (incremental), or tarball: every backup is complete by itself (default packs)',
    oneOf('packs', 'tarball'),
  ),
  encrypt: optional(
    'Who can open backups: they leave the server encrypted with age',
    shape({
      recipients: about(
        'Public keys: age1…, ssh-ed25519 …; [] when there is nothing to encrypt any more',
        list(recipient),
      ),
      identity: optional('Where the key that opens them is; restore and drill need it', password),
    }),
  ),
  bucket: optional(
    'A bucket that the app keeps its uploads in',
    shape({
      from: about('A name under stores, of kind s3', name),
      prefix: optional('Only what is below it', rootPath),
    }),
  ),
  command: optional(
    "The app's own command that makes a backup",
    shape({
      run: about('Its words; on the host in the root, or in the service', list(line)),
      service: optional('compose: the service it runs in', name),
      writes: optional('The file or folder it writes, inside the root; - for what it prints', result),
      as: optional('The user who runs it and may read what it writes, through sudo', user),
      seconds: optional('How long it may take (default 600)', whole(1, 86_400)),
    }),
  ),
  keep: optional(
    'How many stay when backups are pruned (default: 14 days and 8 weeks in a folder, 30 days and 6 months elsewhere)',
    shape({ daily: kept('days'), weekly: kept('weeks'), monthly: kept('months') }),
  ),
  alerts: optional('Names under alerts: who gets failures and recoveries', list(name)),
  expected_every: optional('How far apart backups are meant to be, such as 24h', age),
  proven_within: optional('A deploy wants a backup that a drill has proven and that is no older, such as 7d', age),
  metrics: optional('A file on the host that the node exporter of Prometheus reads', metricsFile),
  references: optional('SQL whose rows are paths inside the root: files that must be there', command),
  drill: optional('How a drill starts the app', drill),
});
