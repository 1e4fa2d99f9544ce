/** The messages between the gateway and its launcher, over Node's own IPC. They are few: at the start and the end of a process. */
export type ToLauncher =
  | { readonly kind: 'start'; readonly id: number; readonly entry: string; readonly address: string; readonly token: string }
  /** From now on the process stands so many steps of niceness behind the gateway. */
  | { readonly kind: 'yield'; readonly id: number; readonly niceBy: number }
  | { readonly kind: 'kill'; readonly id: number };

export type FromLauncher =
  | { readonly kind: 'started'; readonly id: number; readonly pid: number }
  /** The process is gone, or could not be started. */
  | { readonly kind: 'ended'; readonly id: number };

/** What a process is told on its standard input, as JSON: where its gateway listens, what to say there first, and whose child it is. */
export interface Introduction {
  readonly address: string;
  readonly token: string;
  readonly parentPid: number;
}
