// HTML that is put together here: every value is escaped unless it is HTML already.
import { escapeText } from '../markdown/redcarpet/html.ts';

/** HTML as it stands. */
export type Markup = { readonly html: string };

type MarkupValue = Markup | string | number | false | undefined | readonly Markup[];

export function markup(texts: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup {
  return { html: texts.map((text, at) => text + htmlOf(values[at])).join('') };
}

function htmlOf(value: MarkupValue): string {
  if (value === undefined || value === false) return '';
  if (typeof value === 'string' || typeof value === 'number') return escapeText(String(value));
  return 'html' in value ? value.html : value.map(one => one.html).join('');
}

/** HTML that the sanitizer wrote. */
export function asMarkup(html: string): Markup {
  return { html };
}
