// The addresses of the preview: of its pages, of the folder's images, and of its own parts.

export const contentsAddress = '/';

/** Of a chapter, `03-part-two/01-dawn.md`, or of a folder that is a section, `03-part-two/`. */
export function pageAddress(path: string): string {
  return `/page/${encodedPath(path)}`;
}

export function imageAddress(path: string): string {
  return `/image/${encodedPath(path)}`;
}

/** Parentheses and quotes too: the address stands in Markdown, where they would end it. */
function encodedPath(path: string): string {
  return path.split('/').map(encoded).join('/');
}

function encoded(name: string): string {
  return encodeURIComponent(name).replaceAll(/[!'()*_~]/g, sign => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** undefined for what is no path below a folder. */
export function decodedAddress(address: string, start: string): string | undefined {
  if (!address.startsWith(start)) return undefined;
  try {
    const path = decodeURIComponent(address.slice(start.length));
    const names = path.replace(/\/$/, '').split('/');
    return names.some(name => /^\.{0,2}$/.test(name)) || path.includes('\0') ? undefined : path;
  } catch {
    return undefined;
  }
}
