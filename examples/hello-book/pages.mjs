// The book's pages as HTML: contents, one chapter, and what a reader sees when there is no such page.

const title = 'The Little Book of Small Servers';
const accent = { light: '#8a4b2d', dark: '#e0a883' };

export function contentsPage(chapters, footer) {
  const items = chapters.map(one => `<li><a href="/chapters/${one.number}">${escaped(one.title)}</a></li>`);
  return page(title, `<h1>${title}</h1>\n<ol>\n${items.join('\n')}\n</ol>`, footer);
}

export function chapterPage({ number, title, body }, footer) {
  const paragraphs = body.split('\n\n').map(text => `<p>${escaped(text)}</p>`);
  const heading = `<p class="quiet">Chapter ${number}</p>\n<h1>${escaped(title)}</h1>`;
  return page(title, `${heading}\n${paragraphs.join('\n')}\n<p><a href="/">Contents</a></p>`, footer);
}

export function missingPage(footer) {
  return page('No such page', '<h1>No such page</h1>\n<p>The book has <a href="/">these chapters</a>.</p>', footer);
}

function page(heading, body, { visits, release }) {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(heading)}</title>
<style>
  :root { color-scheme: light dark; --ink: #23201c; --paper: #fbf8f2; --quiet: #6d665d; --accent: ${accent.light} }
  @media (prefers-color-scheme: dark) { :root { --ink: #e9e4da; --paper: #1d1b18; --quiet: #a49c90; --accent: ${accent.dark} } }
  body { margin: 0 auto; max-width: 34rem; padding: 3rem 1.25rem; background: var(--paper); color: var(--ink);
         font: 1.125rem/1.65 Georgia, 'Times New Roman', serif; text-wrap: pretty }
  h1 { margin: 0 0 2rem; font-size: 2rem; line-height: 1.2; text-wrap: balance }
  a { color: var(--accent) }
  li { padding: .3rem 0 }
  .quiet, footer { color: var(--quiet); font: .875rem/1.5 system-ui, sans-serif }
  .quiet { margin: 0 }
  footer { margin-top: 3rem; border-top: 1px solid; padding-top: .75rem }
</style>
<main>
${body}
</main>
<footer>Read ${visits} ${visits === 1 ? 'time' : 'times'} · release ${escaped(release.slice(0, 12))}</footer>
</html>
`;
}

function escaped(text) {
  return String(text).replace(/[&<>"']/g, sign => `&#${sign.charCodeAt(0)};`);
}
