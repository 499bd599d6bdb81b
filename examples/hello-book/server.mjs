// A small book on the web: its pages, its counter of readings, and what an operator asks it.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { chapter, chapters, countVisit, visits, whyNotReady } from './database.mjs';
import { chapterPage, contentsPage, missingPage } from './pages.mjs';

const { PORT = '8080', HOST = '127.0.0.1', DATABASE_FILE } = process.env;
if (!DATABASE_FILE) throw new Error('DATABASE_FILE is not set: the path of the SQLite database');
const release = revision();

const server = createServer((request, response) => {
  const send = (status, type, body) => response.writeHead(status, { 'content-type': type }).end(body);
  const json = (status, value) => send(status, 'application/json', JSON.stringify(value));
  const html = (status, page) => send(status, 'text/html; charset=utf-8', page);
  try {
    answer(new URL(request.url ?? '/', 'http://book').pathname, json, html);
  } catch (error) {
    console.error(`${request.method} ${request.url} failed: ${error.message}`);
    json(500, { status: 'error', reason: error.message });
  }
});

function answer(path, json, html) {
  if (path === '/livez') return json(200, { status: 'ok' });
  if (path === '/readyz') {
    const reason = whyNotReady(DATABASE_FILE);
    return reason ? json(503, { status: 'error', reason }) : json(200, { status: 'ok' });
  }
  if (path === '/version.json') return json(200, { commitSha: release });
  if (path === '/visits.json') return json(200, { visits: visits(DATABASE_FILE) });

  if (path === '/') {
    return html(200, contentsPage(chapters(DATABASE_FILE), { visits: countVisit(DATABASE_FILE), release }));
  }
  const number = Number(/^\/chapters\/(\d{1,4})$/.exec(path)?.[1]);
  const found = number ? chapter(DATABASE_FILE, number) : undefined;
  const footer = { visits: found ? countVisit(DATABASE_FILE) : visits(DATABASE_FILE), release };
  return found ? html(200, chapterPage(found, footer)) : html(404, missingPage(footer));
}

/** The commit: from the environment, else from REVISION, which `git archive` fills in (see .gitattributes). */
function revision() {
  if (process.env.RELEASE_SHA) return process.env.RELEASE_SHA;
  const text = readFileSync(new URL('./REVISION', import.meta.url), 'utf8').trim();
  return text.startsWith('$') ? 'working copy' : text;
}

server.listen(Number(PORT), HOST, () => console.log(`hello-book ${release} reads on http://${HOST}:${PORT}/`));

// close() lets the requests under way finish and drops idle connections; then nothing keeps the process.
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => server.close());
