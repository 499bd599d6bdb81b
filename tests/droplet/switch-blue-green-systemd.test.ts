// Visitors move from one version to the next, on systemd under load: none is lost.
import { test } from 'uvu';
import { bootFor, switchSeries } from '../support/sites/switching.ts';

switchSeries(await bootFor('blue-green', 'systemd'), 'blue-green');
test.run();
