// Renders Markdown to HTML as Writebook does before it removes forbidden tags: Redcarpet with that application's options.
import { blockReader } from './blocks.ts';
import { inlineReader } from './inline.ts';
import { withoutReferences } from './references.ts';
import type { OwnHtml, Parsing } from './state.ts';

const plain: OwnHtml = {
  heading: (level, inner) => `<h${level}>${inner}</h${level}>`,
  // as the application does it: neither is escaped
  image: (address, _title, alt) => `<img src="${address}" alt="${alt}">`,
};

/**
 * With autolink, highlight, no_intra_emphasis, fenced_code_blocks, lax_spacing, strikethrough and tables, as the
 * application sets them. The HTML may hold any tag that the author wrote.
 */
export function renderForWritebook(markdown: string, own: OwnHtml = plain): string {
  const parsing: Parsing = { references: new Map(), depth: 0, inLink: false, inline: () => {}, blocks: () => {}, own };
  parsing.inline = inlineReader(parsing);
  parsing.blocks = blockReader(parsing);
  const bytes = Buffer.from(markdown, 'utf8').toString('latin1');
  const text = withoutReferences(bytes, parsing.references);
  const out = { text: '' };
  parsing.blocks(out, text, 0, text.length);
  return Buffer.from(out.text, 'latin1').toString('utf8');
}
