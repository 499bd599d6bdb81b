// Visitors wait while one version replaces the other, on systemd under load: none is lost.
import { test } from 'uvu';
import { bootFor, switchSeries } from '../support/sites/switching.ts';

switchSeries(await bootFor('hold', 'systemd'), 'hold');
test.run();
