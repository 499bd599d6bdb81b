// Completes the first run of a new Writebook: one account with one administrator, before anybody else finds the form.
import { Failure } from '../lib/errors.ts';
import { doItem } from '../lib/report/items.ts';
import { readSecret } from '../lib/secret.ts';
import { nameOf, targetName } from '../lib/target/command.ts';
import { task } from '../lib/task/task.ts';
import { lookAtUsers, makeFirstUser, refuseOthers, refuseUser } from '../lib/writebook/first-run.ts';
import { openApplication } from '../lib/writebook/program/application.ts';

export default task(import.meta.url, {
  about: 'Make the first administrator of a new Writebook, once; whoever opens the site first could do it otherwise',
  examples: [
    'WRITEBOOK_PASSWORD=… npx tsx tasks/first-run.ts --env production --name Ada --email ada@example.com',
    'npx tsx tasks/first-run.ts --env production --name Ada --email ada@example.com --password-file ~/.writebook --plan',
  ],
  changes: true,
  args: {
    name: { type: 'string', value: 'name', about: 'the name that others see' },
    email: { type: 'string', value: 'address', about: 'to sign in with; capital letters count' },
    'password-file': { type: 'string', value: 'file', about: 'has the password (default: $WRITEBOOK_PASSWORD)' },
    'no-manual': { type: 'boolean', about: 'without the book “The Writebook Manual”' },
  },

  async run(context) {
    const { args, report } = context;
    const { name, email, 'password-file': file } = args;
    if (name === undefined) throw new Failure(2, '--name is missing', { advice: 'add --name <name>' });
    if (email === undefined) throw new Failure(2, '--email is missing', { advice: 'add --email <address>' });
    const place = file === undefined ? { env: 'WRITEBOOK_PASSWORD' } : { file };
    const password = await readSecret(place, context.environment);
    const user = { name, email, password, manual: !args['no-manual'] };
    refuseUser(user);
    const target = await context.target();
    const application = await openApplication(context, target);
    const told = { ...nameOf(target), email };

    if (args.plan) {
      const found = await doItem(report, 'Look for users', () => lookAtUsers(application, user));
      if (found) refuseOthers(application, user, found);
      const also = user.manual ? ', and The Writebook Manual' : '';
      const text = found ? `has its administrator ${email} already` : `would get the administrator ${email}${also}`;
      return { text: `${targetName(target)} ${text}`, json: { ...told, due: !found } };
    }

    const made = await doItem(report, 'Make the first administrator', () => makeFirstUser(application, user));
    if (!made.made) refuseOthers(application, user, made);
    const also = made.manual === null ? '' : `; The Writebook Manual is book ${made.manual}`;
    const text = made.made ? `has the administrator ${email}${also}` : `has its administrator ${email} already`;
    return { text: `${targetName(target)} ${text}`, json: { ...told, made: made.made, manual: made.manual } };
  },
});
