// Cuts hold switches off on compose, under load, where the next container is made beside the one that serves.
import { test } from 'uvu';
import { interruptSwitches } from '../support/sites/interrupted-switch.ts';

await interruptSwitches('compose', 'hold');
test.run();
