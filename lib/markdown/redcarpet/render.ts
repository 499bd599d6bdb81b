// Renders Markdown to HTML as Writebook does before it removes forbidden tags: Redcarpet with that application's options.
import { blockReader } from './blocks.ts';
import { inlineReader } from './inline.ts';
import { withoutReferences } from './references.ts';
import type { Parsing } from './state.ts';

/**
 * With autolink, highlight, no_intra_emphasis, fenced_code_blocks, lax_spacing, strikethrough and tables, as the
 * application sets them. The HTML may hold any tag that the author wrote.
 */
export function renderForWritebook(markdown: string): string {
  const parsing: Parsing = { references: new Map(), depth: 0, inLink: false, inline: () => {}, blocks: () => {} };
  parsing.inline = inlineReader(parsing);
  parsing.blocks = blockReader(parsing);
  const bytes = Buffer.from(markdown, 'utf8').toString('latin1');
  const text = withoutReferences(bytes, parsing.references);
  const out = { text: '' };
  parsing.blocks(out, text, 0, text.length);
  return Buffer.from(out.text, 'latin1').toString('utf8');
}
