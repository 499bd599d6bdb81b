// The ids that Writebook gives to headings: made from their HTML, so that `# A & *b*` gets `a-amp-em-b-em`.

/** What is no letter with an accent. */
const letters = new Map(
  "Æ AE Ð D × x Ø O Þ Th ß ss æ ae ð d ø o þ th Đ D đ d Ħ H ħ h ı i Ĳ IJ ĳ ij ĸ k Ŀ L ŀ l Ł L ł l ŉ 'n Ŋ NG ŋ ng Œ OE œ oe Ŧ T ŧ t"
    .match(/\S+ \S+/g)
    ?.map(pair => [pair.slice(0, 1), pair.slice(2)] as const),
);

/** As `parameterize` of Rails: Latin letters without their accents, all else as a hyphen; empty when nothing is left. */
export function parameterize(text: string): string {
  return text
    .normalize('NFC')
    .replaceAll(/[À-ž]/g, letter => letters.get(letter) ?? withoutAccent(letter))
    .replaceAll(/[^a-z0-9_-]+/gi, '-')
    .replaceAll(/-{2,}/g, '-')
    .replaceAll(/^-|-$/g, '')
    .toLowerCase();
}

function withoutAccent(letter: string): string {
  return letter.normalize('NFD').replaceAll(/\p{M}/gu, '');
}

/** For one page, heading by heading: what comes again gets `-2`, `-3` … */
export function headingIds(): (html: string) => string {
  const counts = new Map<string, number>();
  return html => {
    const id = parameterize(html);
    const count = (counts.get(id) ?? 0) + 1;
    counts.set(id, count);
    return count > 1 ? `${id}-${count}` : id;
  };
}
