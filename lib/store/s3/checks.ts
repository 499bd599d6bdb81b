// Checks of a bucket: its clock, unfinished uploads, and rules that remove or move what we store.
import type { LifecycleRule, S3Client } from '@aws-sdk/client-s3';
import { good, warning, type Finding } from '../../finding.ts';
import { leftovers } from '../checks.ts';

/** Beyond a quarter of an hour S3 refuses every request. */
const muchSkew = 300;

/** `full` is what the keys of the backups begin with, the prefix of the store included. */
export async function examineBucket(client: S3Client, Bucket: string, full: string): Promise<Finding[]> {
  const s3 = await import('@aws-sdk/client-s3');
  const date = listenForDate(client);
  const { Uploads = [] } = await client.send(new s3.ListMultipartUploadsCommand({ Bucket, Prefix: full }));
  const seen = date();
  const rules = await client.send(new s3.GetBucketLifecycleConfigurationCommand({ Bucket })).then(
    ({ Rules = [] }) => Rules,
    // no rules, a store that has none, a key that may not ask: nothing that a backup depends on
    () => [],
  );
  return [clock(seen), leftovers(Uploads.length), ...rules.flatMap(rule => [...judgeRule(rule, full)])];
}

/** The store's own time, from whatever it answered last. */
function listenForDate(client: S3Client): () => { said: string | undefined; here: number } {
  const handler = client.config.requestHandler;
  const handle = handler.handle.bind(handler);
  let said: string | undefined;
  let here = Date.now();
  handler.handle = async (request, options) => {
    const answer = await handle(request, options);
    const { date } = answer.response.headers;
    [said, here] = [date, Date.now()];
    return answer;
  };
  return () => ({ said, here });
}

function clock({ said, here }: { said: string | undefined; here: number }): Finding {
  const there = said === undefined ? Number.NaN : Date.parse(said);
  if (Number.isNaN(there)) return good('clock', 'the store does not tell its time');
  const off = Math.round((here - there) / 1000);
  const says = `this machine is ${Math.abs(off)} s ${off < 0 ? 'behind' : 'ahead of'} the store`;
  return Math.abs(off) > muchSkew
    ? warning('clock', says, 'let this machine follow a time server: above 15 minutes the store refuses everything')
    : good('clock', says);
}

export function* judgeRule(rule: LifecycleRule, full: string): Generator<Finding> {
  const { Filter, Status, ID, Expiration, Transitions = [], AbortIncompleteMultipartUpload: abort } = rule;
  const prefix = Filter?.And?.Prefix ?? Filter?.Prefix ?? rule.Prefix ?? '';
  const tagged = Filter?.Tag !== undefined || (Filter?.And?.Tags?.length ?? 0) > 0;
  if (Status !== 'Enabled' || tagged || !(full.startsWith(prefix) || prefix.startsWith(full))) return;
  const name = `the rule ${ID ?? 'without a name'} for ${prefix || 'everything'}`;
  const when = (days: number | undefined, at: Date | undefined) =>
    days === undefined ? `on ${at?.toISOString().slice(0, 10) ?? 'some day'}` : `after ${days} days`;
  if (Expiration && (Expiration.Days !== undefined || Expiration.Date))
    yield warning(
      'rules',
      `${name} removes objects ${when(Expiration.Days, Expiration.Date)}, whatever keep: says`,
      'take the rule away: tasks/backups.ts prune decides which backups stay',
    );
  for (const { Days, Date: at, StorageClass: to = '' } of Transitions)
    if (/^(GLACIER|DEEP_ARCHIVE)$/.test(to))
      yield warning(
        'rules',
        `${name} moves objects to ${to} ${when(Days, at)}, where nothing can be read at once`,
        'drills and restores of older backups need them thawed first: let the rule begin later',
      );
  if (abort?.DaysAfterInitiation)
    yield good('rules', `${name} removes unfinished uploads after ${abort.DaysAfterInitiation} days`);
}
