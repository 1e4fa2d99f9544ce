/** One sample of a scrape in the Prometheus text format. */
export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A scrape by metric family, in the order of its lines. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly MetricSample[];
}

/** Reads the Prometheus text format, version 0.0.4. @throws Error on a sample that follows no `# TYPE` line. */
export const parseMetrics = (body: string): readonly MetricFamily[] => {
  const families: { name: string; help: string; type: string; samples: MetricSample[] }[] = [];
  for (const line of body.split('\n').filter((text) => text !== '')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    const last = families.at(-1);
    if (keyword === 'HELP') families.push({ name, help: rest, type: '', samples: [] });
    else if (last === undefined) throw new Error(`got ${line}, expected a HELP line first`);
    else if (keyword === 'TYPE') last.type = rest;
    else last.samples.push(parseSample(line));
  }
  return families;
};

const parseSample = (line: string): MetricSample => {
  const [, name = '', labels = '', value = ''] = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === '') throw new Error(`got ${line}, expected a sample`);
  const pairs = [...labels.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [key, text]);
  return { name, labels: Object.fromEntries(pairs), value: Number(value) };
};
