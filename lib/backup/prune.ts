// Removes the backups that retention does not keep, the manifest first, so that none is ever listed half removed.
import { nameOf, targetName } from '../target/command.ts';
import type { Target } from '../target/target.ts';
import { remoteOn } from '../host/run.ts';
import { pairs } from '../log-line.ts';
import type { Store } from '../store/store.ts';
import type { Context } from '../task/context.ts';
import type { Result } from '../report/result.ts';
import { spareCopies } from './bucket/unused-copies.ts';
import { backupsIn, isComplete, isFinished, type StoredBackup } from './catalog.ts';
import { filesBytes, manifestName, plainName, type Manifest } from './manifest.ts';
import {
  keepLocal,
  keepRemote,
  planRetention,
  removalOrder,
  type Dated,
  type Keep,
  type RetentionPlan,
} from './retention.ts';
import { baseOn, openScratch } from './scratch.ts';
import { backupOf } from './settings.ts';

type PruneContext = Pick<Context, 'connect' | 'report' | 'who' | 'signal'> & {
  args: { plan: boolean; wait: number | undefined };
};

type Planned = { store: Store; held: StoredBackup[]; plan: RetentionPlan };

export async function pruneBackups(around: PruneContext, target: Target, stores: readonly Store[]): Promise<Result> {
  const { args, report, who, signal } = around;
  if (args.plan) return told(target, await Promise.all(stores.map(store => planned(store, target, new Date()))));

  const way = await remoteOn(target.host, around);
  const scratch = await openScratch(way.host, {
    base: baseOn(target),
    alone: { wait: args.wait ?? 1, holder: pairs({ by: who, action: 'prune' }) },
    tools: target.backup?.bucket ? ['zstd'] : [],
  });
  const plans: Planned[] = [];
  try {
    for (const store of stores) {
      const one = await planned(store, target, scratch.now);
      plans.push(one);
      if (one.plan.hold) report.warn(`${store.name}: ${one.plan.hold}; nothing is removed`);
      const gone = removalOrder(one.plan, one.held.map(dated));
      await report.show(
        gone
          .flatMap(id => one.held.filter(held => held.id === id))
          .map(held => ({
            title: `Remove ${held.id} from ${store.name}`,
            run: async () => {
              if (signal.aborted) throw signal.reason;
              const isManifest = ({ key }: { key: string }) => key.endsWith(`/${manifestName}`);
              // what an interruption after this leaves is removed by the next backup
              for (const { key } of held.keys.toSorted((a, b) => Number(isManifest(b)) - Number(isManifest(a))))
                await store.remove(key);
            },
          })),
      );
      if (one.plan.hold) continue;
      await report.show(await spareCopies(way, store, target, one.held.filter(held => !gone.includes(held.id)), scratch.folder)); // prettier-ignore
    }
  } finally {
    await scratch.end();
  }
  const count = plans.flatMap(({ plan }) => plan.decisions).filter(decision => !decision.keep).length;
  const result = told(target, plans);
  return { ...result, text: `${targetName(target)}: ${count} backups removed, ${kept(plans)} kept` };
}

function kept(plans: readonly Planned[]): number {
  return plans.flatMap(({ plan }) => plan.decisions).filter(decision => decision.keep).length;
}

async function planned(store: Store, target: Target, now: Date): Promise<Planned> {
  const held = await backupsIn(store, target);
  return { store, held, plan: planRetention(held.map(dated), keepOf(target, store), now) };
}

function keepOf(target: Target, { name }: Store): Keep {
  const { keep, stores } = backupOf(target);
  return keep ?? (stores.find(one => one.name === name)?.kind === 'path' ? keepLocal : keepRemote);
}

/** A backup that is damaged, failed a drill, or has suddenly lost much must not displace a good one. */
function dated(held: StoredBackup): Dated {
  const { id, time, verdict, manifest } = held;
  const doubtful = !isComplete(held) || verdict?.good === false || (manifest?.shrunk.length ?? 0) > 0;
  return {
    id,
    time,
    standing: !isFinished(held) ? 'unfinished' : doubtful ? 'bad' : 'good',
    proven: verdict?.good === true,
    bytes: manifest ? restoredBytes(manifest) : 0,
    needs: manifest?.base?.id,
  };
}

function restoredBytes(manifest: Manifest): number {
  const others = manifest.parts.filter(part => !/^(files\.tar|changes\.tar|gone)\.zst$/.test(plainName(part)));
  return others.reduce((sum, part) => sum + part.rawBytes, filesBytes(manifest));
}

function told(target: Target, plans: readonly Planned[]): Result {
  const lines = plans.flatMap(({ store, plan }) => [
    `${store.name}:${plan.hold ? ` ${plan.hold}; nothing is removed` : ''}`,
    ...plan.decisions.map(({ id, keep, reason }) => `  ${keep ? 'keep  ' : 'remove'} ${id}  ${reason}`),
  ]);
  return {
    text: lines.join('\n'),
    json: {
      ...nameOf(target),
      stores: plans.map(({ store, plan: { hold = null, decisions } }) => ({ store: store.name, hold, decisions })),
    },
  };
}
