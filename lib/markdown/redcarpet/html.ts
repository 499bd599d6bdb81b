// Escapes text and addresses for HTML as Redcarpet's own HTML renderer does.

const escapes: Record<string, string> = { '"': '&quot;', '&': '&amp;', "'": '&#39;', '<': '&lt;', '>': '&gt;' };

export function escapeText(text: string): string {
  return text.replace(/["&'<>]/g, character => escapes[character] ?? character);
}

export function escapeAddress(link: string): string {
  return link.replace(/[^\w!#$%&()*+,\-./:;=?@]/g, character =>
    character === "'" ? '&#x27;' : `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}

/** Takes away backslashes, each with the character after it kept; one at the very end is lost. */
export function withoutBackslashes(text: string): string {
  return text.replace(/\\([^]?)/g, '$1');
}
