// The database during a change, of either kind: a snapshot before it, its undo, and the snapshots that are kept.
import type { Finish, Step } from '../plan/step.ts';
import type { Change } from '../release/change.ts';
import { keepCopies, liveCopy, restoreCopy, stoppedCopy } from './sqlite/snapshot.ts';
import { keepDumps, liveDump, restoreDump, stoppedDump } from './postgres/snapshot.ts';
import type { Target } from '../target/target.ts';
import type { Database } from '../target/database-settings.ts';

/** Its name is in the release's line in the log. */
function noteSnapshot({ notes }: Change): (answer: string) => undefined {
  return answer => {
    if (answer.trim()) notes.snapshot = answer.trim();
    return undefined;
  };
}

/** Needs the app to be stopped; its undo puts the database back. */
export function snapshotStep(target: Target, database: Database, change: Change): Step {
  const copy =
    database.kind === 'postgres' ? stoppedDump(target, database, change.id) : stoppedCopy(target, database, change.id);
  return { title: 'Snapshot the database', seconds: 1800, ...copy, accept: noteSnapshot(change) };
}

/** A copy of a database that is in use. It is never restored automatically: the app keeps writing. */
export function liveSnapshotStep(target: Target, database: Database, change: Change): Step {
  const copy =
    database.kind === 'postgres' ? liveDump(target, database, change.id) : liveCopy(target, database, change.id);
  return { title: 'Snapshot the database while it is in use', seconds: 1800, ...copy, accept: noteSnapshot(change) };
}

/** Puts an older snapshot in place of the stopped database. Comes after snapshotStep, whose undo covers this too. */
export function restoreStep(target: Target, database: Database, change: Change, snapshot: string): Step {
  const run =
    database.kind === 'postgres'
      ? restoreDump(target, database, change.id, snapshot)
      : restoreCopy(target, database, snapshot);
  return { title: 'Restore the database snapshot', seconds: 1800, run };
}

/** After success: removes what only the undo needed, and keeps the newest snapshots. */
export function keepSnapshots(target: Target, database: Database, change: Change): Finish {
  const run = database.kind === 'postgres' ? keepDumps(target, database) : keepCopies(target, database, change.id);
  return { title: `Keep the newest ${database.keep} snapshots`, cleanup: true, run };
}
