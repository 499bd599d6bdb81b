// Finds the tags in a piece of HTML that nothing closes.

const tag = /<!--(?:>|->|[^]*?(?:-->|$))|<(\/?)([A-Za-z][^\s/>]*)(?:"[^"]*"|'[^']*'|[^"'>])*>/g;
/** Elements without content, and those whose end may be left out. */
const endless = new Set(
  'area base br col embed hr img input link meta param source track wbr p li dt dd td th tr tbody thead tfoot'.split(
    ' ',
  ),
);

/** `at`: the offset of the tag. */
export function openTags(html: string): { name: string; at: number }[] {
  const open: { name: string; at: number }[] = [];
  for (const found of html.matchAll(tag)) {
    const name = found[2]?.toLowerCase();
    if (!name || endless.has(name)) continue;
    if (!found[1]) open.push({ name, at: found.index });
    else {
      const at = open.findLastIndex(one => one.name === name);
      // what is inside of it ends with it
      if (at >= 0) open.length = at;
    }
  }
  return open;
}
