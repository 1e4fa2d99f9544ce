/** What `handoff init` did. `refused`: it cannot be described as a bundle; `unknown`: the server did not say. */
export type InitResult =
  | {
      readonly ok: true;
      readonly bundles: readonly { readonly model: string; readonly version: string }[];
      readonly plan: string | null;
      readonly files: readonly string[];
      /** What to know of what was written, a line each. */
      readonly notes: readonly string[];
      /** What to do now, a line each. */
      readonly next: readonly string[];
    }
  | { readonly ok: false; readonly reason: 'refused' | 'unknown'; readonly detail: string };
