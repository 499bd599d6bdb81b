// A target before its rules are checked: settings with their places in ops.yml.
import type { Settings } from '../schema/file.ts';
import type { Tree } from '../../yaml/tree.ts';

/** One target before it is built: its settings, and the tree that knows their places. */
export type Draft = { app: string; environment: string; at: number; path: string; settings: Settings; tree: Tree };
