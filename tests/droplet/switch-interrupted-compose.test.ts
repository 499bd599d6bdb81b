// Cuts blue-green switches off on compose, under load, and looks who serves.
import { test } from 'uvu';
import { interruptSwitches } from '../support/sites/interrupted-switch.ts';

await interruptSwitches('compose');
test.run();
