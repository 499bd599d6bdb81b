// One backup in full: its contents, what was recorded when it was made, what a drill found, and the command that restores it.
import type { Target } from '../target/target.ts';
import { targetName } from '../target/command.ts';
import { Failure } from '../errors.ts';
import type { Result } from '../report/result.ts';
import type { Store } from '../store/store.ts';
import { size } from '../size.ts';
import { askBeforeDeploy, isAttempt, shownSnapshot, type BeforeDeployContext } from './before-deploy.ts';
import { choose } from './catalog.ts';
import { backupsOf } from './settings.ts';

/** @param which an id or its beginning, of a backup or of a snapshot from before a deploy; undefined: the newest backup */
export async function showBackup(
  context: BeforeDeployContext,
  target: Target,
  stores: readonly Store[],
  which: string | undefined,
): Promise<Result> {
  const { report } = context;
  const all = await backupsOf(stores, target);
  if (which !== undefined && isAttempt(which)) {
    const meant = (await askBeforeDeploy(context, target)).filter(one => one.id.startsWith(which));
    const [one] = meant;
    if (!one) throw new Failure(2, `${targetName(target)} has no snapshot ${which}`);
    if (meant.length === 1) return shownSnapshot(one, target, report);
    throw new Failure(2, `${which} could be ${meant.map(({ id }) => id).join(' or ')}`);
  }
  const { id, store, manifest, verdict } = choose(all, { id: which, at: undefined }, target);
  const rows = [
    ['backup', id],
    ['store', store.name],
    ['time', manifest.time],
    ['by', manifest.by],
    ['release', manifest.release ?? 'none'],
    ...(manifest.base ? [['changes since', `${manifest.base.id}, whose files.tar.zst it needs`]] : []),
    ...(manifest.recipients ?? []).map(one => ['encrypted for', one]),
    ...manifest.parts.map(part => [part.name, `${size(part.bytes)}, ${size(part.rawBytes)} unpacked`]),
    ...Object.entries(manifest.database?.tables ?? {}).map(([table, count]) => [`table ${table}`, `${count} rows`]),
    ...(manifest.files ? [['files', `${manifest.files.count} of ${manifest.files.include.join(', ')}`]] : []),
    ...(manifest.own ? [['own', `${manifest.own.command} → ${manifest.own.gives}`]] : []),
    ...(manifest.bucket
      ? [['bucket', `${manifest.bucket.objects} objects of ${manifest.bucket.from}, ${size(manifest.bucket.bytes)}`]]
      : []),
    ...[manifest.files, manifest.own, manifest.bucket].flatMap(one => (one?.noted ?? []).map(note => ['noted', note])),
    ...manifest.shrunk.map(what => ['shrunk', what]),
    ...(verdict?.checks ?? []).map(check => [check.good ? 'proven' : 'NOT GOOD', `${check.name}: ${check.found}`]),
    ['restore', manifest.restore],
  ];
  return { text: report.table(rows), json: { store: store.name, manifest, verdict: verdict ?? null } };
}
