// A small app that can prove things: which version answered, that nothing was cut off, and that two never wrote at once.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { closeSockets, upgrade } from './websocket.mjs';

const { PORT, HOST = '0.0.0.0', DATA = 'data', WRITERS = 'one', START_DELAY_MS = '0' } = process.env;
const commitSha = versionOf();
if (!PORT) throw new Error('PORT is not set');
mkdirSync(DATA, { recursive: true });
noteTime('begins', performance.timeOrigin);
process.on('exit', () => noteTime('ended'));
if (WRITERS === 'one') await takeTheLock();
await pause(Number(START_DELAY_MS));

let stopping = false;
const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://visitors');
  const json = (status, value) => {
    const text = JSON.stringify(value);
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.end(request.method === 'HEAD' ? '' : text);
  };
  response.setHeader('x-version', commitSha);
  // what is answered while it stops shall not come back on the same connection
  if (stopping) response.setHeader('connection', 'close');
  switch (pathname) {
    case '/livez':
      return json(200, { status: 'ok' });
    case '/readyz':
      return whyNotReady() ? json(503, { status: 'error', reason: whyNotReady() }) : json(200, { status: 'ok' });
    case '/version.json':
      return json(200, { commitSha });
    case '/slow':
      return slowly(response, Number(searchParams.get('seconds') ?? 5));
    case '/upload':
      return json(200, { commitSha, ...(await digestOf(request)) });
    default:
      return json(404, { status: 'error', reason: 'no such page' });
  }
});
server.keepAliveTimeout = 65_000;
server.on('upgrade', (request, socket) => upgrade(request, socket, commitSha));
server.listen(Number(PORT), HOST, () => {
  noteTime('listens');
  console.log(`visitors ${commitSha} listens on ${HOST}:${PORT}`);
});

for (const signal of ['SIGTERM', 'SIGINT'])
  process.once(signal, () => {
    stopping = true;
    noteTime('stops');
    server.close(() => process.exit(0));
    // a connection that was busy now may be idle in a moment
    setInterval(() => server.closeIdleConnections(), 20);
    closeSockets();
  });

function whyNotReady() {
  return undefined;
}

/** What it takes by itself to start and to stop, in milliseconds since 1970: all versions write into one file. */
function noteTime(word, at = Date.now()) {
  appendFileSync(`${DATA}/times`, `${Math.round(at)} ${commitSha} ${word}\n`);
}

/** Answers in twenty parts, so that an answer that was cut off is shorter than it said. */
async function slowly(response, seconds) {
  response.writeHead(200, { 'content-type': 'text/plain', 'content-length': 20 * 64 });
  for (let part = 0; part < 20 && !response.destroyed; part++) {
    await pause((seconds * 1000) / 20);
    response.write('.'.repeat(63) + '\n');
  }
  response.end();
}

async function digestOf(request) {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of request) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest('hex'), bytes };
}

/** An image has version.json in it, a folder that was unpacked has REVISION. */
function versionOf() {
  const file = new URL('./version.json', import.meta.url);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')).commitSha;
  return readFileSync(new URL('./REVISION', import.meta.url), 'utf8').trim();
}

/** SQLite's own lock, held by a child that ends with us: the kernel gives it back however we end. */
async function takeTheLock() {
  const child = spawn('sqlite3', ['-batch', '-bail', `${DATA}/writer.lock`], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.write("BEGIN EXCLUSIVE; SELECT 'locked';\n");
  const locked = once(child.stdout, 'data').then(() => true);
  const ended = once(child, 'exit').then(() => false);
  if (await Promise.race([locked, ended])) {
    void ended.then(() => process.exit(4));
    return;
  }
  const sentence = `${new Date().toISOString()} two writers: ${commitSha} was started while another one writes`;
  appendFileSync(`${DATA}/two-writers`, `${sentence}\n`);
  console.error(sentence);
  process.exit(3);
}
