// The result of a task, for people and for programs.

/** What a task hands back: `text` is for people, `json` is the same for programs; `exit` may be any number for `exec`, whose command decides. */
export type Result = { text: string; json: unknown; exit?: number };
