/** One event of a stream. */
export interface StreamEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** A reader of server-sent events, by the rules of the HTML standard that matter here. */
export interface EventStream {
  readonly status: number;
  readonly headers: Headers;
  /** The next event that holds, of those that have come and those to come. */
  readonly next: (holds: (event: StreamEvent) => boolean) => Promise<StreamEvent>;
  /** Resolves when the server ends the stream. */
  readonly ended: () => Promise<void>;
  readonly close: () => void;
}

const parse = (block: string): StreamEvent | null => {
  const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
  return field('data') === '' ? null : { id: field('id'), event: field('event'), data: JSON.parse(field('data')) };
};

export const readEvents = async (url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventStream> => {
  const stopping = new AbortController();
  const response = await fetch(url, { headers: { accept: 'text/event-stream', ...headers }, signal: stopping.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  const waiting: StreamEvent[] = [];
  const read = async (): Promise<boolean> => {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) return false;
    const blocks = (rest + value).split('\n\n');
    rest = blocks.pop() ?? '';
    waiting.push(...blocks.flatMap((block) => parse(block) ?? []));
    return true;
  };
  const next: EventStream['next'] = async (holds) => {
    const index = waiting.findIndex(holds);
    if (index >= 0) {
      const [event] = waiting.splice(0, index + 1).slice(-1);
      if (event !== undefined) return event;
    }
    waiting.length = 0;
    if (!(await read())) throw new Error('the stream has ended');
    return next(holds);
  };
  return {
    status: response.status,
    headers: response.headers,
    next,
    ended: async () => {
      while (await read());
    },
    close: () => stopping.abort(),
  };
};
