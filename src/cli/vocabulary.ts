import type { Command } from 'commander';
import type { Vocabulary } from '../checklist/subject.ts';
import { createMetrics } from '../telemetry/metrics.ts';

/** Whether words, without the program's name, are a command that would be run: subcommands by name, flags by their long form. */
const isCommandOf =
  (program: Command): Vocabulary['isCommand'] =>
  (words) => {
    let command = program;
    let rest = words;
    while (command.commands.length > 0) {
      const next = command.commands.find((one) => one.name() === rest[0]);
      if (next === undefined) return false;
      command = next;
      rest = rest.slice(1);
    }
    const known = new Set([...command.options.flatMap(({ long, short }) => [long, short]), '--help']);
    return rest.filter((word) => /^--?[a-z]/.test(word)).every((word) => known.has(word.split('=')[0] ?? word));
  };

const histogramSuffixes = ['_bucket', '_sum', '_count'];

/** The names under which Prometheus stores a scrape of the gateway. */
const metricNamesOf = (scrape: string): ReadonlySet<string> =>
  new Set(
    [...scrape.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
      type === 'histogram' ? [name, ...histogramSuffixes.map((suffix) => name + suffix)] : [name],
    ),
  );

/** The gateway's own words, taken from where they are defined. */
export const gatewayVocabulary = async (program: Command): Promise<Vocabulary> => ({
  isCommand: isCommandOf(program),
  metricNames: metricNamesOf((await createMetrics().text()).body),
});
