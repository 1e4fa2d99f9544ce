/** What a command has of its process, given so that tests need none. */
export interface CliIo {
  /** Data, as asked for. Whole lines. */
  readonly stdout: (text: string) => void;
  /** Talk: what went wrong, what to do. Whole lines. */
  readonly stderr: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Sets the code with which the process will end. */
  readonly setExitCode: (code: ExitCode) => void;
}

/** 0 done; 1 the check failed or the gateway refused; 2 usage; 3 nobody could tell. */
export type ExitCode = 0 | 1 | 2 | 3;
