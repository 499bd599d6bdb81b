// A stream compressed and encrypted on the host, and unpacked again on its way, in one pass.
import { checksumStream } from './checksum.ts';
import { type Command, sh, lines, script } from './sh.ts';

export type Packing = {
  recipients: readonly string[];
  /** How the unpacked content is reported: its checksum, or its size. */
  tells: 'sum' | 'bytes';
  /** It comes compressed already. */
  compressed?: boolean;
};

/**
 * The output of `from` (the beginning of the pipe), compressed, and encrypted when there are recipients, on
 * standard output. It is unpacked again on its way: `unpacked` and what that gave, and `packed` and the checksum of all that
 * was written, go to standard error, if anybody reads it. Sets `codes`, how the programs of the pipe ended.
 */
export function packing(from: Command, { recipients, tells, compressed = false }: Packing): Command {
  // it has to succeed as well: a frame without its checksum still unpacks to all its bytes
  const unpacking = sh`>(if told=$(nice zstd -dqc 2>/dev/null | { ${tells === 'sum' ? checksumStream : sh`wc -c`}; }); then echo "unpacked $told"; else echo 'unpacked not'; fi >&9)`;
  const counting = sh`>({ ${checksumStream}; } | sed 's/^/packed /' >&9)`;
  const first = compressed ? sh`cat` : sh`nice zstd -q -3 -T0 -c`;
  const rest = recipients.length
    ? sh`tee -p ${unpacking} | nice age --encrypt ${recipients.flatMap(one => ['-r', one])} | tee -p ${counting}`
    : sh`tee -p ${unpacking} ${counting}`;
  return lines(
    script('set -o pipefail; exec 8>&1'),
    // the substitution ends when everything in it has ended, also what only listens
    sh`told=$(exec 9>&1
${from} ${first} | ${rest} >&8
echo "codes \${PIPESTATUS[*]}")`,
    sh`read -ra codes <<<"$(sed -n 's/^codes //p' <<<"$told")"`,
    sh`printf '%s\n' "$told" >&2`,
  );
}

/** A file, packed so; it succeeds when all programs did. */
export function packedFile(file: string, recipients: readonly string[], compressed = false): Command {
  return lines(
    packing(sh`<${file}`, { recipients, tells: 'sum', compressed }),
    script('for code in "${codes[@]}"; do ((code == 0)) || { echo "packing exited with $code" >&2; exit 1; }; done'),
  );
}
