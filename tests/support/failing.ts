// The failure of a promise that should fail; uvu has no rejects.
import { Failure } from '../../lib/errors.ts';

export async function failure(promise: Promise<unknown>): Promise<Failure> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('it did not fail');
}
