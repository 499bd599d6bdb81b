// Visitors of a droplet: so many requests a second over kept-alive connections, slow ones, uploads, websockets; each is counted.
import { createHash, randomBytes } from 'node:crypto';
import http, {
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
} from 'node:http';
import https from 'node:https';
import { summary, type Ended, type Kind, type Report } from './load-report.ts';
import { talk } from './websocket.ts';

export type LoadOptions = {
  /** `http://10.…` or `https://10.…`; a self-signed certificate is good enough. */
  origin: string;
  /** The name that is asked for: Host, and the server name of TLS. */
  domain: string;
  /** Plain GETs of /version.json a second (200), whether or not the ones before were answered. */
  perSecond?: number;
  /** Requests of /slow?seconds=5 under way at any time (2). */
  slow?: number;
  /** Uploads of 200 kB a second (2). */
  uploadsPerSecond?: number;
  /** Uploads of 200 kB that take 4 seconds to send, under way at any time (1). */
  slowUploads?: number;
  /** Websockets open at any time (3), each saying something once a second. */
  sockets?: number;
  /** Connections opened in the first seconds (0), by as many slow requests, so that later nobody has to greet while others wait. */
  connections?: number;
  /** Words of the maintenance page: a 503 that has them counts as `told`, any other one as a failure. */
  page?: string;
};

export type Load = {
  /** What ended since the start, or since the lap before. */
  lap(): Report;
  /** Ends it: no new requests, those under way are waited for. The report is of the whole. */
  stop(): Promise<Report>;
};

/** Starts visiting. A request fails after 60 s without an end. */
export function startLoad(options: LoadOptions): Load {
  const { origin, domain, perSecond = 200, slow = 2, uploadsPerSecond = 2 } = options;
  const { slowUploads = 1, sockets = 3, connections = 0, page } = options;
  const secure = origin.startsWith('https:');
  const trusting = secure ? { rejectUnauthorized: false, servername: domain } : {};
  const agent = new (secure ? https : http).Agent({ keepAlive: true, maxFreeSockets: 5000 });
  const began = performance.now();
  const events: Ended[] = [];
  const underWay = new Set<Promise<void>>();
  const counted = new WeakSet<object>();
  const opened: number[] = [];
  let lapAt = 0;
  let lapBegan = began;
  let stopping = false;

  const send = (
    path: string,
    more: Omit<RequestOptions, 'headers'> & { headers?: OutgoingHttpHeaders } = {},
  ): ClientRequest => {
    const headers = { host: domain, ...more.headers };
    const request = (secure ? https : http).request(`${origin}${path}`, { agent, ...trusting, ...more, headers });
    request.on('socket', socket => {
      if (!counted.has(socket)) opened.push(performance.now());
      counted.add(socket);
    });
    return request;
  };
  const note = (one: Omit<Ended, 'at'>) => events.push({ ...one, at: performance.now() });
  const keep = (work: Promise<void>) => {
    underWay.add(work);
    void work.finally(() => underWay.delete(work));
  };

  /** One request to its end; `judge` says `ok`, or what is wrong with a 200. */
  function ask(kind: Kind, path: string, judge: (body: Buffer) => string, body?: Buffer, sending = 0): Promise<void> {
    const from = performance.now();
    return new Promise(resolve => {
      const request = send(
        path,
        body ? { method: 'POST', headers: { 'content-length': body.length }, timeout: 60_000 } : { timeout: 60_000 },
      );
      let over = false;
      const end = (how: string, sha?: string) => {
        if (over) return;
        over = true;
        note({ kind, seconds: (performance.now() - from) / 1000 - sending, how, sha });
        resolve();
      };
      request.on('timeout', () => request.destroy(Object.assign(new Error('60 s'), { code: 'timeout' })));
      request.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
      request.on('response', (response: IncomingMessage) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', () => end('cut'));
        response.on('aborted', () => end('cut'));
        response.on('end', () => {
          const whole = Buffer.concat(parts);
          const said = Number(response.headers['content-length'] ?? whole.length);
          const sha = response.headers['x-version'];
          if (said !== whole.length) end('cut');
          else if (response.statusCode === 503 && page && whole.toString().includes(page)) end('told');
          else if (response.statusCode !== 200) end(String(response.statusCode));
          else end(judge(whole), typeof sha === 'string' ? sha : undefined);
        });
      });
      if (body && sending) void sendSlowly(request, body, sending).catch(() => {});
      else request.end(body);
    });
  }

  const isVersion = (body: Buffer) => (/^\{"commitSha":"[0-9a-f]{40}"\}$/.test(body.toString()) ? 'ok' : 'wrong');
  const plain = () => keep(ask('plain', '/version.json', isVersion));
  const upload = (sending = 0): Promise<void> => {
    const body = randomBytes(200_000);
    const digest = createHash('sha256').update(body).digest('hex');
    return ask('upload', '/upload', answer => (answer.includes(digest) ? 'ok' : 'wrong'), body, sending);
  };
  const uploadSlowly = async () => {
    for (; !stopping; await pause(200)) await upload(4);
  };
  const slowly = async () => {
    // a visitor who was turned away looks again a little later
    for (; !stopping; await pause(200))
      await ask('slow', '/slow?seconds=5', body => (body.length === 20 * 64 ? 'ok' : 'wrong'));
  };
  const talking = new Set<{ stop(): void }>();
  const converse = async () => {
    while (!stopping) {
      const conversation = talk(more => send('/ws', { ...more, agent: false }), {
        opened: seconds => note({ kind: 'socket', seconds, how: 'opened' }),
        heard: ({ began: from, version }) =>
          note({
            kind: 'echo',
            seconds: (performance.now() - from) / 1000,
            how: version ? 'ok' : 'unanswered',
            sha: version,
          }),
      });
      talking.add(conversation);
      const { how, why } = await conversation.ended;
      talking.delete(conversation);
      if (how === 'ours') return;
      const word = how === 'closed' ? 'closed' : why === '503' && page ? 'told' : how === 'cut' ? `cut: ${why}` : why;
      note({ kind: 'socket', seconds: 0, how: word });
      await pause(100);
    }
  };

  // by the clock, so that a moment of a busy machine is made up for and not left out
  let sentPlain = 0;
  let sentUploads = 0;
  const clock = setInterval(() => {
    const seconds = (performance.now() - began) / 1000;
    for (; sentPlain < seconds * perSecond; sentPlain++) plain();
    for (; sentUploads < seconds * uploadsPerSecond; sentUploads++) keep(upload());
  }, 5);
  const opening = async () => {
    for (let count = 0; count < connections; count++, await pause(3))
      keep(ask('slow', '/slow?seconds=4', body => (body.length === 20 * 64 ? 'ok' : 'wrong')));
  };
  keep(opening());
  for (let count = 0; count < slow; count++) keep(slowly());
  for (let count = 0; count < slowUploads; count++) keep(uploadSlowly());
  for (let count = 0; count < sockets; count++) keep(converse());

  return {
    lap() {
      const since = lapBegan;
      const from = lapAt;
      lapAt = events.length;
      lapBegan = performance.now();
      return summary(events.slice(from), since, lapBegan, opened);
    },
    async stop() {
      stopping = true;
      clearInterval(clock);
      for (const one of talking) one.stop();
      await Promise.all(underWay);
      agent.destroy();
      return summary(events, began, performance.now(), opened);
    },
  };
}

/** A visitor on a bad line: the body goes out in twenty parts. */
async function sendSlowly(request: ClientRequest, body: Buffer, seconds: number): Promise<void> {
  for (let part = 0; part < 20; part++) {
    await pause((seconds * 1000) / 20);
    request.write(body.subarray((part * body.length) / 20, ((part + 1) * body.length) / 20));
  }
  request.end();
}

const pause = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms));
