// The required contents of an app's environment files.

export type EnvFile = {
  /** Absolute path on the host. */
  file: string;
  keys: Record<string, KeyRule>;
  checks: CrossCheck[];
};

export type KeyRule = {
  /** Default true. An optional key that is present still obeys the other rules. */
  required: boolean;
  oneOf?: string[];
  /** A regular expression the whole value must match. */
  pattern?: string;
  number?: { min?: number | undefined; max?: number | undefined; whole?: boolean | undefined };
  minLength?: number;
  /** Refuse values with changeme, change_me, replace, example, default, your-, placeholder, secret-key … (any case). */
  placeholder?: 'refuse';
};

/** When every pair of `when` holds, every pair of `then` must; `sameOrigin` lists keys whose URLs share scheme, host and port. */
export type CrossCheck =
  | { when: Record<string, string>; then: Record<string, string>; because?: string }
  | { sameOrigin: string[]; because?: string };
