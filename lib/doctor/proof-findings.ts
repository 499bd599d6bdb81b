// The doctor's findings about backups: whether one was proven restorable recently enough, and whether the next can be taken.
import { taskCommand } from '../target/command.ts';
import { folderFaults } from '../backup/files/included-folders.ts';
import { isProven, proofInWords, proofOf } from '../backup/drill/last-proven.ts';
import type { Target } from '../target/target.ts';
import type { Facts } from '../release/facts.ts';
import { failure, good, warning, type Finding } from '../finding.ts';

export function* proofFindings(target: Target, facts: Facts): Generator<Finding> {
  const files = target.backup?.files;
  // the next backup would be refused for it
  const faults = files ? folderFaults(facts.answers.get('include') ?? '', target, files) : [];
  for (const { message, advice = '' } of faults) yield failure('backup files', message, advice);

  const proof = proofOf(target, facts);
  if (!proof) return;
  const words = proofInWords(proof, facts.now);
  if (isProven(target, proof, facts.now) && !proof.failed) yield good('backup', words);
  // an old one that is proven again stays old
  else yield warning('backup', words, `${taskCommand('backup', target)} && ${taskCommand('drill', target)}`);
}
