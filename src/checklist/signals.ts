import type { RuleGroup } from './subject.ts';

/** A signal that clears above its limit would hold and clear at the same value. */
export const checkSignals: RuleGroup = ({ bundle }, report) => {
  for (const { name, holdAbove, clearBelow } of bundle.manifest.signals)
    if (clearBelow > holdAbove)
      report('signal-order', {
        file: 'handoff.yaml',
        field: `signals.${name}.clearBelow`,
        got: String(clearBelow),
        expected: `at most holdAbove, ${holdAbove}`,
      });
};
