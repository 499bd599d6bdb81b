// Visitors are told while one version replaces the other, on compose under load: none is lost.
import { test } from 'uvu';
import { bootFor, switchSeries } from '../support/sites/switching.ts';

switchSeries(await bootFor('maintenance', 'compose'), 'maintenance');
test.run();
