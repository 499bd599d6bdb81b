// The last checks of a drill, on a restored backup whose parts are good: the files that the database names, and the app itself.
import type { Check } from '../../finding.ts';
import type { Target } from '../../target/target.ts';
import { Failure } from '../../errors.ts';
import { doItem } from '../../report/items.ts';
import type { Report } from '../../report/report.ts';
import { serving } from '../../release/serving.ts';
import { askFacts } from '../../deploy/ask-facts.ts';
import { runtimeOf } from '../../runtime/runtime-of.ts';
import type { CompleteBackup } from '../catalog.ts';
import { run, type Remote } from '../../host/run.ts';
import { readReferences, referencesCommand } from './references.ts';
import { readContentChecks } from './content-checks.ts';
import { fullTextCommand, readFullText } from './full-text.ts';
import { readStart, startApp } from './start-app.ts';

export type Opened = {
  target: Target;
  held: CompleteBackup;
  /** Where it was restored, on the host of `way`. */
  folder: string;
  /** Whether that is the target's host, where its releases are. */
  atHome: boolean;
};

/** Notes what it found in `checks`. @throws Failure 7 at the first that is not good. */
export async function appChecks(
  way: Remote,
  { target, held, folder, atHome }: Opened,
  report: Report,
  checks: Check[],
): Promise<void> {
  const note = ({ name, good, found }: Check, brief: string, seen: string, advice: string) => {
    checks.push({ name, good, found });
    const detail = seen.trim() ? seen : undefined;
    if (!good) throw new Failure(7, `${held.id} in ${held.store.name}: ${name}: ${brief}`, { detail, advice });
  };
  const { references, drill: start } = target.backup ?? {};
  const { database, files } = held.manifest;
  if (database?.kind === 'sqlite') {
    const found = readFullText(
      await run(way, fullTextCommand(`${folder}/database.sqlite`), 'checking full-text indexes'),
    );
    const advice = "in the app's database: INSERT INTO <table>(<table>) VALUES('rebuild'), then back up again";
    if (found) note(found, found.found, '', advice);
  }
  if (references !== undefined && database?.kind === 'sqlite' && files)
    await doItem(report, 'Look for the files that the database names', async () => {
      const command = referencesCommand(references, `${folder}/database.sqlite`, `${folder}/files`);
      const { missing, brief, ...check } = readReferences(await run(way, command, 'asking the database'));
      const advice = 'look at the app, or at backup.files and backup.references in ops.yml; then back up again';
      note(check, brief, missing.join('\n'), advice);
    });
  // the server that a dump is tried in is gone by now
  const startable = database?.kind !== 'postgres';
  const release = start && startable && atHome ? serving(target, await askFacts(way.host, target)) : undefined;
  if (!start || !release) {
    const where = atHome ? ': nothing is deployed' : ': its releases are on the server';
    const why = !start ? '' : startable ? where : ': its database is of Postgres';
    checks.push({ name: 'the app', good: true, found: `was not started${why}` });
    return;
  }
  await doItem(report, 'Start the app from it', async () => {
    const asApp = { ...way, appUser: runtimeOf(target).appUser };
    const said = await run(asApp, startApp({ target, folder, release, start }), 'starting the app');
    const { log, ...check } = readStart(said, start);
    const advice = 'these are its last words; when the backup is not to blame, look at backup.drill in ops.yml';
    note(check, check.found, log, advice);
    for (const { log: told, ...one } of readContentChecks(said, start))
      note(one, one.found, told, 'look at the app; when it is right, take another backup');
  });
}
