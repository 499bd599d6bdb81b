// Cuts deploys of a systemd app off in every way, and looks at what is left.
import { test } from 'uvu';
import { bibliothecaOnDroplet, bibliothecaRoot } from '../support/sites/bibliotheca.ts';
import { interrupt } from '../support/sites/interruption.ts';

const { droplet, app, siteBy } = await bibliothecaOnDroplet('cut-systemd');
await interrupt({
  droplet,
  siteBy,
  // two commits on one schema: going to and fro must not need a migration back
  shas: [app.good2, app.good3],
  target: { kind: 'systemd', root: bibliothecaRoot.staging, port: 8081, unit: 'bibliotheca-staging' },
});
test.run();
