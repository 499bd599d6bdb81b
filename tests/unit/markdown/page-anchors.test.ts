// Ids of headings: the same that Redcarpet's HTML and Active Support's parameterize give, as the application makes them.
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parameterize } from '../../../lib/markdown/heading-ids.ts';
import { hasPlainHeading, pageAnchors } from '../../../lib/markdown/page-anchors.ts';

/** Asks the real libraries. */
function really(texts: string[]): { ids: string[][]; words: string[] } {
  const program = `
require "json"
require "redcarpet"
require "active_support"
require "active_support/inflector"
I18n.enforce_available_locales = false
class Ids < Redcarpet::Render::HTML
  attr_reader :found
  def header(text, level)
    base = text.parameterize
    @counts ||= Hash.new(0)
    @counts[base] += 1
    (@found ||= []) << (@counts[base] > 1 ? "#{base}-#{@counts[base]}" : base)
    ""
  end
end
texts = JSON.parse($stdin.read)
options = %i[autolink highlight no_intra_emphasis fenced_code_blocks lax_spacing strikethrough tables].to_h { |name| [name, true] }
puts JSON.generate(words: texts.map(&:parameterize), ids: texts.map { |text| Ids.new.then { |ids| Redcarpet::Markdown.new(ids, **options).render(text); ids.found || [] } })`;
  const { stdout, stderr, status } = spawnSync('ruby', ['-EUTF-8', '-e', program], {
    input: JSON.stringify(texts),
    encoding: 'utf8',
    env: { ...process.env, LANG: 'C.UTF-8' },
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

test('every id is the one that the application makes', () => {
  const letters = Array.from({ length: 0x250 - 0xa0 }, (_, at) => `a${String.fromCodePoint(0xa0 + at)}b`);
  const headings = [
    '# Head & *er*\n\n# Head & *er*\n\n## The map\n\n### The map ###\n',
    '# Ein **fettes** `Stück` <b>HTML</b> ==mark==\n\nUnder\n=====\n\nLine\n---\n',
    '#No space\n\n# 第二部\n\n# 第三部\n\n# --- a_b -- c ---\n\n# e\u0301te\u0301 "quoted" it’s\n',
    '```\n# no\n```\n\n> # In a quote\n\n- # in a list\n\n# [A link](x.md "t") ![i](y.png) https://a.test\n',
    '# a\n\n# a\n\n# a-2\n\n# A!\n',
  ];
  const { ids, words } = really([...headings, ...letters, 'ŉ İ ĳ', '--a--', '😀 b', '_x_']);
  const texts = [...headings, ...letters, 'ŉ İ ĳ', '--a--', '😀 b', '_x_'];
  assert.equal(texts.map(parameterize), words);
  assert.equal(headings.map(pageAnchors), ids.slice(0, headings.length));
});

test('a heading of plain words is found without a reading of the whole, and code has none', () => {
  assert.ok(hasPlainHeading('text\n\n## The map\n', 'the-map'));
  assert.not(hasPlainHeading('```\n# The map\n```\n', 'the-map'));
  assert.not(hasPlainHeading('# The *map*\n', 'the-map'));
});

test('ids that the author wrote in HTML count', () => {
  assert.equal(pageAnchors('<div class="x" id="own">a</div>\n\n<a name=old></a> b\n'), ['own', 'old']);
});
test.run();
