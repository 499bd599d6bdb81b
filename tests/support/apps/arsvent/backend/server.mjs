// The backend of the stand-in for arsvent: its health endpoints, its version, and a table of books that grows.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { addBook, books, whyDatabaseIsNotReady } from './database.mjs';
import { checkEnvironment } from './environment.mjs';
import { whyRedisIsNotReady } from './redis.mjs';

const { APP_ENV, PORT = '4000', HOST = '0.0.0.0', REDIS_URL, DATABASE_URL } = process.env;
checkEnvironment(process.env);
const file = DATABASE_URL.replace(/^file:/, '');
const version = JSON.parse(readFileSync(new URL('./version.json', import.meta.url), 'utf8'));

const server = createServer(async (request, response) => {
  const json = (status, value) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  const health = reason => (reason ? json(503, { status: 'error', reason }) : json(200, { status: 'ok' }));
  try {
    switch (`${request.method} ${request.url}`) {
      case 'GET /healthz':
        return health();
      case 'GET /livez':
        return health(APP_ENV === 'development' ? undefined : await whyRedisIsNotReady(REDIS_URL));
      case 'GET /readyz':
        return health(await whyNotReady());
      case 'GET /version.json':
      case 'GET /api/admin/version':
        return json(200, version);
      case 'GET /api/books':
        return json(200, { count: books(file) });
      case 'POST /api/books':
        return json(201, { count: addBook(file) });
      default:
        return json(404, { status: 'error', reason: 'no such page' });
    }
  } catch (error) {
    console.error(`${request.method} ${request.url} failed: ${error.message}`);
    json(500, { status: 'error', reason: error.message });
  }
});

async function whyNotReady() {
  return whyDatabaseIsNotReady(file) ?? (await whyRedisIsNotReady(REDIS_URL));
}

server.listen(Number(PORT), HOST, () => console.log(`backend ${version.imageTag} listens on ${HOST}:${PORT}`));
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => server.close());
