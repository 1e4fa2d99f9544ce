import { finiteExp } from '../analysis/log-sum-exp.ts';
import type { Judged } from '../assess-rollout.ts';
import type { BlockBegin } from '../block-times.ts';
import { type DerivedFrom, derivedFindings } from '../derived-findings.ts';
import { type Disagreement, finite, firstOf, held, heldIfStated, isNear } from './disagreement.ts';
import type { ReadEvidence, ReadFindings } from './replay-schemas.ts';

type Stated = NonNullable<ReadFindings['strata']>;

interface Strata {
  readonly what: string;
  readonly stated: Stated | undefined;
  readonly found: Stated;
}

const strataFault = ({ what, stated, found }: Strata): Disagreement => {
  if (stated === undefined) return null;
  return firstOf([
    held(`the number of strata of ${what}`, stated.length, found.length),
    ...stated.flatMap((stratum) => {
      const other = found.find(({ w }) => w === stratum.w);
      const parts = ['n0', 'n1', 'events0', 'events1', 'from', 'to'] as const;
      return parts.map((part) => heldIfStated(`${part} of ${what} at ${stratum.w}`, stratum[part], other?.[part] ?? null));
    }),
  ]);
};

const startWords = (start: BlockBegin | null | undefined): string | null | undefined => start && `block ${start.block}, ${start.from}`;

type Derived = ReturnType<typeof derivedFindings>['guards'][string];

/** It is rounded up from what may differ in its last digits. */
const etaFault = (name: string, stated: number | null | undefined, found: number | null): Disagreement => {
  const isNext = typeof stated === 'number' && found !== null && Math.abs(stated - found) <= 1;
  return isNext ? null : heldIfStated(`the requests that ${name} still needs`, stated, found);
};

const guardFault = ({ name, strata, likelyStart, etaRequests }: ReadFindings['guards'][number], found: Derived | undefined): Disagreement =>
  firstOf([
    strataFault({ what: name, stated: strata, found: found?.strata ?? [] }),
    heldIfStated(`the likely start of ${name}`, startWords(likelyStart), startWords(found?.likelyStart) ?? null),
    etaFault(name, etaRequests, found?.etaRequests ?? null),
  ]);

/** Findings that follow from counts alone; what an earlier gateway did not state is passed over. */
const derivedFault = (findings: ReadFindings, from: DerivedFrom): Disagreement => {
  const derived = derivedFindings(from);
  return firstOf([
    strataFault({ what: 'the rollout', stated: findings.strata, found: derived.strata }),
    ...findings.guards.map((guard) => guardFault(guard, derived.guards[guard.name])),
  ]);
};

/** Holds the findings of a decision against what follows from its blocks. */
export const findingsFault = ({ findings }: ReadEvidence, { judged, ratio }: Judged, from: DerivedFrom): Disagreement =>
  firstOf([
    held('ln E', findings.lnE, finite(judged.evidence.lnE)),
    held('E', findings.evidence, finiteExp(judged.evidence.lnE)),
    held('the threshold', findings.threshold, judged.threshold),
    held('the family', findings.family, judged.evidence.family),
    held('the guard to blame', findings.blamed, judged.blamed),
    ...judged.guards.flatMap((guard) => {
      const stated = findings.guards.find(({ name }) => name === guard.name);
      return [
        held(`ln E of ${guard.name}`, stated?.lnE ?? null, guard.lnE),
        held(`ln E of ${guard.name} for promotion`, stated?.lnGraduation ?? null, guard.graduation.lnE),
        held(`the share of ${guard.name}`, stated?.share ?? null, guard.share),
        held(`the verdict on ${guard.name}`, stated?.verdict ?? null, guard.verdict),
        held(`the effect of ${guard.name}`, stated?.effect ?? null, guard.effect),
      ];
    }),
    held('ln E of the sample ratio', findings.sampleRatio.lnE, ratio.lnE),
    held('the requests of the candidate', findings.sampleRatio.observed, ratio.observed),
    held('the requests that were due to the candidate', findings.sampleRatio.expected, ratio.expected),
    findings.peakLnE !== null && judged.evidence.lnE > findings.peakLnE && !isNear(judged.evidence.lnE, findings.peakLnE)
      ? `the peak of ln E: it states ${findings.peakLnE}, less than now`
      : null,
    derivedFault(findings, from),
  ]);
