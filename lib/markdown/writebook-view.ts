// What a reader sees of Markdown in Writebook, whose sanitizer leaves out the tags it does not know and keeps their text.
import { readHtml } from './html-view.ts';
import { renderForWritebook } from './redcarpet/render.ts';
import { createView, type ShownWord } from './visible.ts';

/** Tags that are in pages only, beside Rails' own list. */
export const tagsOfPagesOnly =
  'audio details summary iframe options table tbody td th thead tr video source mark'.split(' ');

/** What the application's sanitizer lets through. */
export const tagsOfWritebook = (
  'a abbr acronym address b big blockquote br cite code dd del dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd ' +
  'li ol p pre samp small span strong sub sup time tt ul var'
)
  .split(' ')
  .concat(tagsOfPagesOnly);
const allowed = new Set(tagsOfWritebook);

/** Kinds of addresses that it lets through; a link of another kind stays as text. */
export const schemesOfWritebook = (
  'afs aim callto ed2k facetime feed ftp geo gopher http https irc line mailto maps mms news nntp rsync rtsp sftp sms ' +
  'ssh tag tel telnet urn webcal xmpp'
).split(' ');
const schemes = new Set(schemesOfWritebook);

export const isShownByWritebook = (tag: string): boolean => allowed.has(tag);

export function isLinkInWritebook(address: string): boolean {
  const scheme = /^\s*([a-z0-9][a-z0-9+.-]*):/i.exec(address)?.[1];
  return address.trim() !== '' && (!scheme || schemes.has(scheme.toLowerCase()));
}

export function viewInWritebook(source: string): ShownWord[] {
  const view = createView(
    tag => !allowed.has(tag),
    address => isLinkInWritebook(address),
  );
  readHtml(renderForWritebook(source), view);
  return view.seen;
}
