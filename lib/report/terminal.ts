// A list of items drawn live on a terminal by listr2: a spinner, times, the last line a running item said.
import { setTimeout as later } from 'node:timers';
import { type Item, type Say, took } from './items.ts';
import { cut, visible } from './safe-text.ts';

export type Screen = {
  stream: NodeJS.WriteStream;
  /** Gets a function that shows a line below the running item, for news that cannot wait until the list ends. */
  listen: (note: Say) => void;
};

// log-update redraws everything per line; a chatty `docker pull` would flood the terminal.
const redrawMilliseconds = 50;

/** Runs the items one after the other; the first that rejects ends it, and what it threw is thrown on. */
export async function draw(items: readonly Item[], { stream, listen }: Screen): Promise<void> {
  const { Listr, ListrLogger, ProcessOutput, color } = await import('listr2');
  const notes: string[] = [];
  let last = '';
  let show: ((text: string) => void) | undefined;
  let due: NodeJS.Timeout | undefined;
  const refresh = () => {
    due ??= later(() => {
      due = undefined;
      show?.([...notes, last].filter(Boolean).join('\n'));
    }, redrawMilliseconds);
  };
  listen(line => {
    notes.push(line);
    refresh();
  });

  const width = (stream.columns || 80) - '⠋ '.length - ' [59m 59s]'.length - 2;
  const list = new Listr(
    items.map(item => ({
      title: cut(item.title, width),
      skip: () => (item.skip === undefined ? false : cut(`${item.title}: ${item.skip}`, width)),
      task: async (_: unknown, shown: { output: string }) => {
        last = '';
        show = text => {
          shown.output = text;
        };
        await item.run(text => {
          last = visible(text).split('\n').findLast(Boolean) ?? last;
          refresh();
        });
      },
    })),
    {
      // Its own listener leaves with exit 127 at the first Ctrl-C and undoes nothing (style.md 3.1).
      registerSignalListeners: false,
      rendererOptions: {
        // The frame prints the error once, below; here the title says which item it was.
        showErrorMessage: false,
        formatOutput: 'truncate',
        logger: new ListrLogger({ useIcons: true, toStderr: [], processOutput: new ProcessOutput(stream, stream) }),
        timer: {
          condition: true,
          field: milliseconds => took(milliseconds / 1000),
          format: () => text => color.dim(text ?? ''),
        },
      },
    },
  );
  try {
    await list.run();
  } finally {
    clearTimeout(due);
  }
}
