// The frontend of the stand-in for arsvent: a page and version.json (the real one is nginx with a built React app).
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const read = name => readFileSync(new URL(`./${name}`, import.meta.url), 'utf8');
const version = read('version.json');
const page = read('index.html');

const server = createServer((request, response) => {
  if (request.url === '/version.json') response.writeHead(200, { 'content-type': 'application/json' }).end(version);
  else response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page);
});
const { PORT = '80', HOST = '0.0.0.0' } = process.env;
server.listen(Number(PORT), HOST, () =>
  console.log(`frontend ${JSON.parse(version).imageTag} listens on ${HOST}:${PORT}`),
);
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => server.close());
