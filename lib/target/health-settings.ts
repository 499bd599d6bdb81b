// The probes that decide whether an app is ready.

export type Health = { probes: Probe[]; deadlineSeconds: number; intervalSeconds: number };

export type Probe = {
  /** live · ready · version · any word */
  name: string;
  url: string;
  status: number;
  /** Dotted path to expected value; in text values `{sha}` and `{sha7}` stand for the release's. */
  json: Record<string, string | number | boolean>;
  /** Expected header, the same placeholders. */
  header: { name: string; value: string } | undefined;
};
