// Cuts deploys of a compose app off in every way, and looks at what is left.
import { test } from 'uvu';
import { arsventOnDroplet, arsventRoot } from '../support/sites/arsvent.ts';
import { interrupt } from '../support/sites/interruption.ts';

const { droplet, app, siteBy } = await arsventOnDroplet('cut-compose');
await interrupt({
  droplet,
  siteBy,
  shas: [app.good1, app.good2],
  target: { kind: 'compose', root: arsventRoot.staging, port: 4100, project: 'arsvent-staging' },
});
test.run();
