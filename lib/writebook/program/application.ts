// Where the application of a target runs: a connection to its host, and the release that serves.
import { askFacts } from '../../deploy/ask-facts.ts';
import type { Host } from '../../host/host.ts';
import type { Release } from '../../release/release.ts';
import { servingOrRefuse } from '../../release/serving.ts';
import type { Target } from '../../target/target.ts';
import type { Context } from '../../task/context.ts';

export type Application = { target: Target; host: Host; release: Release; signal: AbortSignal };

/** @throws Failure 4 when the host cannot be reached, 1 when nothing is deployed there yet */
export async function openApplication(
  { connect, signal }: Pick<Context, 'connect' | 'signal'>,
  target: Target,
): Promise<Application> {
  const host = await connect(target.host);
  return { target, host, release: servingOrRefuse(target, await askFacts(host, target), 1), signal };
}
