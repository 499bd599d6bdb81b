// Cuts blue-green switches off on systemd, under load, and looks who serves.
import { test } from 'uvu';
import { interruptSwitches } from '../support/sites/interrupted-switch.ts';

await interruptSwitches('systemd');
test.run();
