// An app as ONCE wants it: HTTP on 80, /up, its data in /storage; pages in a SQLite file, and its version in headers.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const { version, ready } = JSON.parse(readFileSync('/app/version.json', 'utf8'));
const file = '/storage/db/production.sqlite3';
const sql = text => execFileSync('/usr/bin/sqlite3', [file, text], { encoding: 'utf8' });
mkdirSync('/storage/db', { recursive: true });
sql('CREATE TABLE IF NOT EXISTS pages (title TEXT)');
console.log(`starting ${version}`);
if (!ready) console.log('the search index is missing');
createServer((request, response) => {
  const headers = { 'X-Version': version.slice(0, 7), 'X-Rev': version };
  if (request.url === '/up') return response.writeHead(ready ? 200 : 500, headers).end();
  if (request.method === 'POST') sql(`INSERT INTO pages VALUES ('page ${Date.now()}')`);
  return response.writeHead(200, headers).end(sql('SELECT count(*) FROM pages'));
}).listen(80);
process.on('SIGTERM', () => process.exit(0));
