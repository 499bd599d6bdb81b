// The table of faults on a compose server, each in the middle of a deploy, and ways out after changes: with BOOKOPS_TORTURE=1; else only the table is read.
import { test } from 'uvu';
import { testServerFaults } from '../support/sites/recovered.ts';

await testServerFaults('compose');
test.run();
