// Stand-ins of Mastodon, Bluesky, Buttondown, a webhook and the book's own site: they check each request against what the provider publishes.
//
// From: docs.joinmastodon.org/methods/statuses and /methods/accounts, /entities/Instance; docs.bsky.app/docs/advanced-guides/posts and
// the lexicons com.atproto.repo.{createRecord,listRecords}, app.bsky.feed.post; github.com/buttondown/openapi, openapi.json of
// 2026-08-21, and docs.buttondown.com/api-versioning. All read in November 2026.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

type Stored = Record<string, unknown>;
export type Provider = 'mastodon' | 'bluesky' | 'buttondown' | 'webhook';

/** A status with its headers, or: take the message and never answer. For the next write only. */
export type Misfortune =
  { status: number; headers?: Record<string, string>; body?: string } | 'take it, and say nothing';

export type StandIns = {
  url: string;
  /** What each has, the newest last. */
  has: Record<Provider, Stored[]>;
  /** What a provider would not have taken. */
  complaints: string[];
  /** Every request: provider and path. */
  asked: string[];
  fails: Partial<Record<Provider, Misfortune[]>>;
  /** `trash`: numbers of pages. */
  site: { isPublished: boolean; trash: string[] };
  stop(): Promise<void>;
};

export const secrets = {
  MASTODON_TOKEN: 'mastodon-s3cret',
  BLUESKY_PASSWORD: 'bluesky-s3cret',
  BUTTONDOWN_KEY: 'buttondown-s3cret',
};

const graphemes = (text: string) => [...new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(text)].length;
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

export async function standIns(): Promise<StandIns> {
  const has: StandIns['has'] = { mastodon: [], bluesky: [], buttondown: [], webhook: [] };
  const all: StandIns = {
    url: '',
    has,
    complaints: [],
    asked: [],
    fails: {},
    site: { isPublished: true, trash: [] },
    stop: async () => {},
  };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', piece => (body += String(piece)));
    request.on('end', () => answer(all, request, response, body));
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  server.unref();
  const address = server.address();
  all.url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  all.stop = async () => {
    server.closeAllConnections();
    await new Promise(done => server.close(done));
  };
  return all;
}

function answer(all: StandIns, request: IncomingMessage, response: ServerResponse, body: string): void {
  const url = new URL(request.url ?? '/', 'http://x');
  const [, first = ''] = url.pathname.split('/');
  const path = url.pathname.slice(first.length + 1);
  all.asked.push(`${request.method} ${url.pathname}`);
  const send = (status: number, json: unknown, headers: Record<string, string> = {}) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(json));
  if (/^\d+$/.test(first)) {
    const isGone = all.site.trash.includes(url.pathname.split('/')[3] ?? '');
    return send(all.site.isPublished && !isGone ? 200 : 404, {});
  }
  const names: Record<string, Provider> = {
    mastodon: 'mastodon',
    bsky: 'bluesky',
    buttondown: 'buttondown',
    hook: 'webhook',
  };
  const provider = names[first];
  if (!provider) return send(404, {});
  const complain = (what: string) => void all.complaints.push(`${provider}: ${what}`);
  const { headers } = request;
  const isWrite = request.method === 'POST' && !path.endsWith('createSession');
  if (request.method === 'POST' && !headers['content-type']?.startsWith('application/json')) complain('content-type');
  const json = (body ? JSON.parse(body) : {}) as Stored;
  const failure = isWrite ? all.fails[provider]?.shift() : undefined;
  if (typeof failure === 'object') {
    response.writeHead(failure.status, failure.headers).end(failure.body ?? '');
    return;
  }
  const take = (stored: Stored, told: unknown, status = 200) => {
    all.has[provider].push(stored);
    if (failure) request.socket.destroy();
    else send(status, told);
  };
  const wants = (header: string, value: string) => {
    if (headers[header] === value) return true;
    send(401, { error: 'The access token is invalid' });
    return false;
  };

  if (provider === 'mastodon') {
    if (path === '/api/v2/instance') {
      send(200, { configuration: { statuses: { max_characters: 500, characters_reserved_per_url: 23 } } });
      return;
    }
    if (!wants('authorization', `Bearer ${secrets.MASTODON_TOKEN}`)) return;
    if (path === '/api/v1/accounts/verify_credentials') return send(200, { id: '7', username: 'ana' });
    if (path === '/api/v1/accounts/7/statuses') {
      const limit = Number(url.searchParams.get('limit') ?? 20);
      if (limit > 40) complain('a limit above 40');
      const before = Number(url.searchParams.get('max_id') ?? Infinity);
      return send(200, all.has.mastodon.filter(one => Number(one['id']) < before).toReversed().slice(0, limit)); // prettier-ignore
    }
    if (path !== '/api/v1/statuses' || !isWrite) return send(404, {});
    const text = String(json['status']);
    if (graphemes(text.replaceAll(/https?:\/\/\S+/g, 'x'.repeat(23))) > 500) complain(`too long: ${text}`);
    if (!headers['idempotency-key']) complain('no Idempotency-Key');
    if (!['public', 'unlisted', 'private', 'direct'].includes(String(json['visibility']))) complain('visibility');
    const id = String(1000 + all.has.mastodon.length);
    const linked = escaped(text).replaceAll(
      /https?:\/\/\S+/g,
      link => `<a href="${link}" rel="nofollow">${link.slice(0, 30)}</a>`,
    );
    const status = { id, url: `https://mastodon.test/@ana/${id}`, content: `<p>${linked.replaceAll('\n', '<br />')}</p>`, text, visibility: json['visibility'] }; // prettier-ignore
    return take(status, status);
  }

  if (provider === 'bluesky') {
    if (path === '/xrpc/com.atproto.server.createSession') {
      const isRight = json['identifier'] === 'ana.test' && json['password'] === secrets.BLUESKY_PASSWORD;
      return isRight
        ? send(200, { accessJwt: 'jwt', did: 'did:plc:ana' })
        : send(401, { error: 'AuthenticationRequired' });
    }
    if (!wants('authorization', 'Bearer jwt')) return;
    if (path === '/xrpc/com.atproto.repo.listRecords') {
      if (url.searchParams.get('collection') !== 'app.bsky.feed.post' || Number(url.searchParams.get('limit')) > 100) complain('listRecords'); // prettier-ignore
      return send(200, { records: all.has.bluesky.toReversed() });
    }
    if (path !== '/xrpc/com.atproto.repo.createRecord' || json['repo'] !== 'did:plc:ana')
      return send(400, { error: 'InvalidRequest' });
    const record = json['record'] as { $type: string; text: string; createdAt: string; facets: { index: { byteStart: number; byteEnd: number }; features: { $type: string; uri: string }[] }[] }; // prettier-ignore
    if (record.$type !== 'app.bsky.feed.post' || Number.isNaN(Date.parse(record.createdAt))) complain('record');
    if (graphemes(record.text) > 300 || Buffer.byteLength(record.text) > 3000) complain(`too long: ${record.text}`);
    for (const { index, features } of record.facets) {
      const shown = Buffer.from(record.text).subarray(index.byteStart, index.byteEnd).toString();
      if (features[0]?.$type !== 'app.bsky.richtext.facet#link' || !features[0].uri.replace(/^https?:\/\//, '').startsWith(shown.replace(/…$/, ''))) complain(`facet on ${shown}`); // prettier-ignore
    }
    const uri = `at://did:plc:ana/app.bsky.feed.post/3l${all.has.bluesky.length}`;
    return take({ uri, value: record }, { uri, cid: 'bafy' });
  }

  if (provider === 'buttondown') {
    if (!wants('authorization', `Token ${secrets.BUTTONDOWN_KEY}`)) return;
    if (headers['x-api-version'] !== '2026-04-01') complain('no X-API-Version');
    if (path !== '/v1/emails') return send(404, {});
    if (!isWrite) {
      const statuses = url.searchParams.getAll('status');
      if (url.searchParams.get('ordering') !== '-creation_date' || !statuses.includes('draft'))
        complain('list of emails');
      return send(200, { results: all.has.buttondown.toReversed(), next: null, count: all.has.buttondown.length });
    }
    for (const key of Object.keys(json))
      if (!['subject', 'body', 'status', 'metadata'].includes(key)) complain(`key ${key}`);
    if (json['status'] !== 'draft') complain(`status ${String(json['status'])}`);
    if (/\{\{|\{%/.test(String(json['body']))) complain('a variable in the text');
    const email = {
      ...json,
      id: `00000000-0000-4000-8000-00000000000${all.has.buttondown.length}`,
      absolute_url: 'https://buttondown.test/ana',
    };
    return take(email, email, 201);
  }
  if (!headers['idempotency-key']) complain('no Idempotency-Key');
  return take(json, {});
}
