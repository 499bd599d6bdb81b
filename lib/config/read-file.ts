// The text of ops.yml: UTF-8, and no larger than a person would write.
import { open } from 'node:fs/promises';
import { Failure, messageOf } from '../errors.ts';

const largest = 1_000_000;

export async function readText(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      if (size > largest) throw new Error(`it is larger than ${largest / 1e6} MB`);
      bytes = await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new Failure(3, `cannot read ${file}: ${messageOf(error)}`, {
      advice: 'run the task in the folder of ops.yml, or name the file: --config path/to/ops.yml',
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Failure(3, `cannot read ${file}: it is not UTF-8 text`);
  }
}
