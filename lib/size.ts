// Formats a number of bytes for people.

/** `4.1 MB` */
export function size(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const step = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const amount = bytes / 1000 ** step;
  return `${step && amount < 10 ? amount.toFixed(1) : Math.round(amount)} ${units[step] ?? ''}`;
}
