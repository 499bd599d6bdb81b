// Restores a dump beside the present database while the app runs, and exchanges the two by renaming while it is stopped.
import type { PostgresFacts } from '../facts.ts';
import { run, type Remote } from '../../host/run.ts';
import type { Target } from '../../target/target.ts';
import type { PostgresDatabase } from '../../target/database-settings.ts';
import { Failure } from '../../errors.ts';
import { lines, sh, type Command } from '../../host/sh.ts';
import type { Step } from '../../plan/step.ts';
import { withClient } from './client.ts';
import { counting } from './counts.ts';
import { renameFunctions } from './rename.ts';
import { judgeRestore } from './restore-test.ts';

/** `stamp` names this restore. */
type Place = { target: Target; stamp: string };

/** The names of a restore: `restored` is what was brought, `aside` what was there before. */
function named(stamp: string): Command {
  return lines(renameFunctions, sh`restored=\${stem}_restored_${stamp} aside=\${stem}_before_restore_${stamp}`);
}

/**
 * Restores `file` beside the present database and counts it there. @returns what the present one will be called afterwards.
 * @throws Failure 1 with the server's own message · 7 when it is not what the manifest promises
 */
export async function bringDump(
  way: Remote,
  { target, stamp }: Place,
  database: PostgresDatabase,
  file: string,
  facts: PostgresFacts,
): Promise<string> {
  const text = withClient(
    target,
    database,
    lines(
      named(stamp),
      sh`may_make`,
      sh`make_like "$restored" template0`,
      sh`fill "$restored" <${file}`,
      sh`echo 'restore good'`,
      sh`ask_in "$restored" <<<${counting}`,
      sh`printf 'aside %s\\n' "$(printf %s "$aside" | base64 -w0)"`,
    ),
  );
  const said = await run(way, text, 'restoring the dump beside the present database');
  const bad = judgeRestore(said, facts).find(check => !check.good);
  if (bad) throw new Failure(7, `what was restored is not what the backup promises: ${bad.name}: ${bad.found}`);
  return Buffer.from(/^aside (.*)$/m.exec(said)?.[1] ?? '', 'base64').toString();
}

/** Removes what an interrupted restore has staged and not used. */
export function sweepDumps(target: Target, database: PostgresDatabase): Command {
  return withClient(target, database, lines(renameFunctions, sh`drop_all ${'^_restored_[0-9]{8}T[0-9]{6}Z$'}`));
}

export function exchangeDumps({ target, stamp }: Place, database: PostgresDatabase): Step {
  return {
    title: 'Replace the present database with the restored one',
    seconds: 300,
    run: lines(
      // the number of the present one, which no renaming changes
      sh`present_number=$(
${withClient(target, database, lines(renameFunctions, sh`number_of "$present" "$present"`))}
)
keep_note exchanged-database "$present_number"`,
      withClient(
        target,
        database,
        lines(named(stamp), sh`move "$restored" "$present" "$aside"`, sh`move "$aside" "$restored" "$present"`),
      ),
    ),
    undo: lines(
      sh`number=$(read_note exchanged-database)
export number`,
      withClient(
        target,
        database,
        lines(
          named(stamp),
          // the present one is the restored one, unless that has its own name still
          sh`look "$present" "$restored" "$aside"
give_back "$aside" "$restored"`,
        ),
      ),
    ),
  };
}
