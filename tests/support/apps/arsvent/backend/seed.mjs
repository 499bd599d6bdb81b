// Makes the data anew: with `--reset` everything goes, also what Redis holds; else users come from standard input.
import { connect } from 'node:net';
import { open } from './database.mjs';

const { DATABASE_URL = '', REDIS_URL = '' } = process.env;
const file = DATABASE_URL.replace(/^file:/, '');

if (process.argv.includes('--reset')) {
  open(file, db => db.exec('DROP TABLE IF EXISTS books; DROP TABLE IF EXISTS users; DROP TABLE _prisma_migrations'));
  await flushAll(new URL(REDIS_URL));
} else {
  let text = '';
  for await (const piece of process.stdin) text += piece;
  const users = JSON.parse(text);
  open(file, db => {
    db.exec('CREATE TABLE IF NOT EXISTS users (discord_user_id TEXT PRIMARY KEY, label TEXT)');
    for (const { discordUserId, label } of users) {
      db.run('INSERT INTO users VALUES (?, ?)', [discordUserId, label ?? '']);
      if (label === 'stumble') throw new Error('the seed stumbles half-way');
    }
  });
  console.log(`${users.length} users`);
}

function flushAll({ hostname, port }) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port || 6379) }, () => socket.write('FLUSHALL\r\n'));
    socket.once('data', () => resolve(socket.end()));
    socket.once('error', reject);
  });
}
