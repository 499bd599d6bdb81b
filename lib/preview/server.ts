// Serves the preview to a browser on this machine: its pages, the folder's images, and a stream that says when to load again.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { messageOf } from '../errors.ts';
import { decodedAddress } from './addresses.ts';
import type { BookChange, WrittenBook } from './book.ts';
import { openImage } from './images.ts';
import { chapterDocument, contentsDocument, refusedDocument, type PageFrame } from './layout.ts';

export type PreviewSettings = {
  title: string;
  /** Whether visitors from other machines are wanted: they come by address, or by this name. */
  host: string;
  /** Before each page: a folder that was replaced is watched again. */
  renew(): void;
};

const loopback = /^(?:localhost|127\.0\.0\.1|\[::1\])$/i;

/** The caller listens and closes. */
export function previewServer(book: WrittenBook, settings: PreviewSettings): Server {
  const boot = randomBytes(6).toString('base64url');
  return createServer((request, response) => {
    answer(book, settings, boot, request, response).catch((error: unknown) => {
      if (!response.headersSent) plain(response, 500, `this page failed: ${messageOf(error)}`);
      else response.destroy();
    });
  });
}

async function answer(
  book: WrittenBook,
  settings: PreviewSettings,
  boot: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // A page elsewhere could have its name answered with our address; by name, only this machine's own are ours.
  if (!isOurHost(request.headers.host ?? '', settings.host))
    return plain(response, 421, 'this is a preview on another machine: open it as http://localhost with its port');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return plain(response, 405, 'a preview is only looked at');
  }
  const { pathname, searchParams } = new URL(`http://preview${request.url?.startsWith('/') ? request.url : '/'}`);
  if (pathname === '/-/changes') return follow(book, boot, searchParams, response);
  const own = { '/-/preview.css': 'text/css', '/-/preview.js': 'text/javascript' }[pathname];
  if (own) {
    head(response, 200, `${own}; charset=utf-8`);
    return void response.end(readFileSync(new URL(`./browser/${pathname.slice(3)}`, import.meta.url)));
  }
  const image = decodedAddress(pathname, '/image/');
  if (image !== undefined) return sendImage(book, image, request, response);
  return sendPage(book, settings, boot, pathname, response);
}

export function isOurHost(typed: string, listening: string): boolean {
  const name = typed.replace(/:\d{1,5}$/, '');
  if (loopback.test(name)) return true;
  if (loopback.test(listening) || listening === '::1') return false;
  return isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0 || name.toLowerCase() === listening.toLowerCase();
}

async function sendPage(
  book: WrittenBook,
  { title, renew }: PreviewSettings,
  boot: string,
  pathname: string,
  response: ServerResponse,
): Promise<void> {
  const nonce = randomBytes(16).toString('base64url');
  const frame = (): PageFrame => ({ book: title, folder: book.folder, nonce, seen: `${boot}.${book.changes()}` });
  const send = (status: number, html: string) => {
    head(response, status, 'text/html; charset=utf-8', policy(nonce));
    response.end(html);
  };
  const path = decodedAddress(pathname, '/page/') ?? '';
  renew();
  const reading = await book.read().catch((error: unknown) => messageOf(error));
  if (typeof reading === 'string') return send(500, refusedDocument(frame(), path, reading, []));
  if (pathname === '/') return send(200, contentsDocument(frame(), reading));
  const page = reading.pages.find(one => one.path === path);
  // what was read is what is shown, whatever changes while it is checked
  const known = frame();
  if (page) {
    // Both readers of Markdown and the sanitizer: half of what a start would cost.
    const { showChapter } = await import('./chapter.ts');
    return send(200, chapterDocument(known, reading, page, await showChapter(book.folder, reading, page)));
  }
  const says = pathname.startsWith('/page/')
    ? 'There is no such chapter in the folder. When there is, this page shows it.'
    : 'This is an address of the application or of another site’s root; the preview has the folder only.';
  const own = reading.problems.filter(one => one.path === path);
  send(404, refusedDocument(known, path, says, own));
}

async function sendImage(
  { folder }: WrittenBook,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const image = await openImage(folder, path);
  if (typeof image === 'string') return plain(response, 404, image);
  const { handle, type, bytes } = image;
  try {
    head(response, 200, type, "default-src 'none'; sandbox");
    response.setHeader('Content-Length', bytes);
    if (request.method === 'HEAD') return void response.end();
    const { pipeline } = await import('node:stream/promises');
    await pipeline(handle.createReadStream({ start: 0, end: bytes - 1, autoClose: false }), response).catch(() => {
      // the browser went away, or the file became shorter
      response.destroy();
    });
  } finally {
    await handle.close();
  }
}

/** Server-sent events: `reload` when the page that asks is no longer as it was shown. */
function follow(book: WrittenBook, boot: string, asked: URLSearchParams, response: ServerResponse): void {
  const page = asked.get('page') ?? '';
  const [mark = '', seen = ''] = (asked.get('seen') ?? '').split('.');
  head(response, 200, 'text/event-stream; charset=utf-8');
  response.write('retry: 1000\n\n');
  const reload = () => response.write('event: reload\ndata:\n\n');
  const missed = mark === boot ? book.since(Number(seen)) : undefined;
  if (!missed || concerns(missed, page)) reload();
  const end = book.onChange(change => concerns(change, page) && reload());
  const alive = setInterval(() => response.write(':\n\n'), 20_000);
  response.on('close', () => {
    end();
    clearInterval(alive);
  });
}

/** `page`: its path, empty for the contents. */
export function concerns({ pages, order, images }: BookChange, page: string): boolean {
  return order || (page === '' ? pages.length > 0 : images.length > 0 || pages.includes(page));
}

/** Of the content, nothing runs: no script but our own, no frames, no forms, no plug-ins. Pictures and films may come from elsewhere. */
function policy(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src 'nonce-${nonce}'`,
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data: http: https:",
    "media-src 'self' http: https:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
}

function head(response: ServerResponse, status: number, type: string, security = "default-src 'none'"): void {
  response.statusCode = status;
  response.setHeader('Content-Type', type);
  response.setHeader('Content-Security-Policy', security);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cache-Control', 'no-store');
}

function plain(response: ServerResponse, status: number, says: string): void {
  head(response, status, 'text/plain; charset=utf-8');
  response.end(`${says}\n`);
}
