/** The rules of the handoff checklist. Each says what must hold, how bad a breach is, and how it is mended. */

interface RuleFacts {
  /** What must hold, as a fact. */
  readonly holds: string;
  /** `failure`: the bundle must not be handed over. `warning`: a person should look; a failure under `--strict`. */
  readonly severity: 'failure' | 'warning';
  /** What to do about a finding. */
  readonly mend: string;
}

/** Every rule, in the order of the report. */
export const rules = {
  'manifest-valid': {
    holds: 'handoff.yaml says what its schema asks for',
    severity: 'failure',
    mend: 'Correct the key in handoff.yaml; docs/bundle-format.md lists them all.',
  },
  'artifact-missing': {
    holds: 'every listed file is there',
    severity: 'failure',
    mend: 'Restore the file, or run `handoff check --write-digests` if it was removed on purpose.',
  },
  'artifact-unlisted': {
    holds: 'every file is listed',
    severity: 'failure',
    mend: 'Remove the file, or run `handoff check --write-digests` if it belongs to the bundle.',
  },
  'artifact-digest': {
    holds: 'every file has its digest',
    severity: 'failure',
    mend: 'Restore the file, or run `handoff check --write-digests` if the change is meant.',
  },
  'artifact-regular': { holds: 'there are no links in the folder', severity: 'failure', mend: 'Replace the link by the file.' },
  signed: {
    holds: 'a trusted key has signed every file, and no other file is there (asked for by naming keys)',
    severity: 'failure',
    mend: 'Look into what changed since it was signed; then run `handoff sign`.',
  },
  'golden-digest': {
    holds: 'every golden case has its digest',
    severity: 'failure',
    mend: 'Restore the golden case; a changed one needs a reason, a reviewer and `handoff check --write-digests`.',
  },
  'golden-valid': {
    holds: 'every golden case has a request, an expected answer, a tolerance and a source',
    severity: 'failure',
    mend: 'Correct the golden case.',
  },
  'golden-answer': {
    holds: "every golden case is answered within its tolerance by this machine's runtime",
    severity: 'failure',
    mend: 'Find out which of model, contract and golden case changed; never copy the new answer over the old one unseen.',
  },
  'golden-tolerance': {
    holds: 'no golden case takes another answer for the expected one',
    severity: 'failure',
    mend: 'Lower the tolerance: what runtimes differ by is about 1e-5 of a number; `relative` is for large ones.',
  },
  'golden-source': {
    holds: 'no golden case was made by the runtime that it tests',
    severity: 'warning',
    mend: 'Compute the expected answer by other means and say by which under `source`.',
  },
  'contract-readable': {
    holds: 'the data contract can be read and enforced',
    severity: 'failure',
    mend: 'Correct contract.odcs.yaml; docs/bundle-format.md says what is enforced.',
  },
  'contract-standard': {
    holds: 'the data contract is valid ODCS v3.1.0',
    severity: 'failure',
    mend: 'Correct contract.odcs.yaml after the standard; what it has no key for goes under customProperties.',
  },
  'contract-graph': {
    holds: "the contract has the graph's tensors",
    severity: 'failure',
    mend: 'Take names, types and shapes from the graph, or export the graph anew.',
  },
  'graph-loads': {
    holds: 'the runtime loads and runs the graph',
    severity: 'failure',
    mend: 'Export the graph for an IR version and opset that the runtime knows (IR 8, opset 17).',
  },
  'interface-contract': {
    holds: 'pre- and post-processing fit the contract',
    severity: 'failure',
    mend: 'Bring `interface` in handoff.yaml and the contract in line.',
  },
  'labels-fit': { holds: 'there is one label for each class', severity: 'failure', mend: 'Ship the list of labels that the model was trained with.' },
  'field-described': { holds: 'every field is described', severity: 'warning', mend: 'Add `description`: what the value is, as of when.' },
  'field-unit': { holds: 'every number has a unit', severity: 'failure', mend: "Add customProperties `unit`; '1' for a share, `count` for a count." },
  'field-range': {
    holds: 'every number has a lowest and a highest value',
    severity: 'failure',
    mend: 'Add `logicalTypeOptions` minimum and maximum, from what can happen and not from one sample.',
  },
  'field-nulls': {
    holds: 'every field says whether it may be null',
    severity: 'failure',
    mend: 'Add `required: true`, or `required: false` with `imputeValue`.',
  },
  'field-domain': {
    holds: 'every text has a domain, a pattern or a length',
    severity: 'failure',
    mend: 'Add a quality rule `invalidValues` with `validValues`, or `pattern` or `maxLength`.',
  },
  'field-time-zone': {
    holds: 'every field that is a part of the time names its time zone',
    severity: 'failure',
    mend: 'Add customProperties `timeZone` and `timePart`.',
  },
  'field-class': {
    holds: 'every input field has a classification',
    severity: 'failure',
    mend: 'Add `classification`: public, internal, confidential or restricted.',
  },
  'field-personal': {
    holds: 'personal data is confidential or restricted',
    severity: 'failure',
    mend: 'Raise `classification`: logs and examples are redacted by it.',
  },
  'field-provenance': { holds: 'every input field says where it comes from', severity: 'failure', mend: 'Add customProperties `provenance`.' },
  'field-refresh': {
    holds: 'every input field says how fresh it is',
    severity: 'failure',
    mend: 'Add customProperties `refresh`, a duration such as 0s, 5m or 24h.',
  },
  'field-leakage': {
    holds: 'every computed input field says whether it can leak the label',
    severity: 'failure',
    mend: 'Add customProperties `leakage`: what could leak, or why nothing can.',
  },
  'field-examples': { holds: 'every example value holds its own field', severity: 'failure', mend: 'Correct `examples` of the field.' },
  'contract-locale': { holds: 'the contract names its locale', severity: 'failure', mend: 'Add customProperties `locale` to the contract, such as en-BE.' },
  'drift-watched': {
    holds: 'every drift-sensitive field has a drift rule, and the other way round',
    severity: 'failure',
    mend: 'Add the field under monitoring.drift, or mark it `driftSensitive` in the contract.',
  },
  'drift-baseline': {
    holds: 'there is a reference distribution for every drift rule',
    severity: 'failure',
    mend: 'Write the distribution of the training data into baseline.json.',
  },
  'retention-stated': { holds: 'the contract says how long data is kept', severity: 'failure', mend: 'Add slaProperties `retention` with a value and a unit.' },
  'privacy-stated': {
    holds: 'a bundle with personal data says on what ground it is used',
    severity: 'failure',
    mend: 'Add `privacy` to handoff.yaml: purpose, legalBasis, contact.',
  },
  'environment-pinned': {
    holds: 'every training requirement has one exact version',
    severity: 'failure',
    mend: 'Write `name==version` for each line of the requirements.',
  },
  'training-declared': {
    holds: 'the bundle says how it is rebuilt',
    severity: 'failure',
    mend: 'Add `training` to handoff.yaml: python, requirements, script, arguments, seed, data, metrics.',
  },
  'hardware-declared': {
    holds: 'the hardware that the promises need is declared',
    severity: 'failure',
    mend: 'Add `hardware` to handoff.yaml: cores, memoryMiB, referenceMs (`handoff check` prints what this machine takes).',
  },
  'hardware-present': { holds: 'this machine has the hardware', severity: 'failure', mend: 'Check on a machine like the one that will serve.' },
  'memory-budget': {
    holds: 'the memory budget fits in the declared hardware',
    severity: 'failure',
    mend: 'Lower budgets.memoryMiB or declare more hardware.memoryMiB.',
  },
  'latency-budget': {
    holds: 'a request keeps the latency budget, in proportion to this machine',
    severity: 'failure',
    mend: 'Make the model faster, use smaller requests, or agree on another budget.',
  },
  'throughput-budget': {
    holds: 'the model keeps its throughput, in proportion to this machine',
    severity: 'failure',
    mend: 'Make the model faster, or agree on another throughput.',
  },
  'deadline-budget': {
    holds: 'the deadline leaves room for the latency budget',
    severity: 'failure',
    mend: 'Raise budgets.deadlineMs to at least twice budgets.latencyP95Ms: a rescue needs the second half.',
  },
  'acceptance-valid': {
    holds: 'acceptance.yaml says what its schema asks for',
    severity: 'failure',
    mend: 'Correct the criterion; docs/bundle-format.md lists the metrics.',
  },
  'acceptance-live': {
    holds: 'errors, latency and rejected outputs are watched live',
    severity: 'failure',
    mend: 'Add a live criterion for each of errorRate, latency and breachRate.',
  },
  'acceptance-names': { holds: 'criteria and faults name outputs and fields that exist', severity: 'failure', mend: 'Correct the name in acceptance.yaml.' },
  'faults-declared': {
    holds: 'there are faults that the guardrails must catch',
    severity: 'failure',
    mend: 'Add `faults` to acceptance.yaml; `handoff rehearse` injects each.',
  },
  'evaluation-there': {
    holds: 'there are held-out cases to evaluate',
    severity: 'failure',
    mend: 'Write evaluation/cases.jsonl: id, inputs, labels, one case a line; and label-groups.json, if there is one, as lists of classes by group.',
  },
  'baseline-there': {
    holds: 'the version that it is compared with can be read and run',
    severity: 'failure',
    mend: 'Mend that version, or name another one with `--against`.',
  },
  'evaluation-compared': {
    holds: 'the version that it is compared with answers every held-out case',
    severity: 'failure',
    mend: 'Give the case what that version asks for, or leave it out: a case that one side does not answer cannot compare them.',
  },
  'evaluation-stated': {
    holds: 'the stated metrics are what the cases give',
    severity: 'failure',
    mend: 'Run the training script again, or correct evaluation/metrics.json: never type a figure in.',
  },
  'criterion-met': {
    holds: 'every offline criterion is met on the held-out cases',
    severity: 'failure',
    mend: 'Train a better model, agree on another margin with product and data science, or bring cases that can tell.',
  },
  'transforms-tested': { holds: 'every transform of an input has a test', severity: 'failure', mend: 'Add a case to transforms.yaml for it.' },
  'transforms-hold': {
    holds: "the bundle's own tests of its transforms hold",
    severity: 'failure',
    mend: 'Correct the transform in handoff.yaml or the contract, or the test if it is wrong.',
  },
  'slo-valid': { holds: 'slo.openslo.yaml is valid OpenSLO v1', severity: 'failure', mend: 'Correct slo.openslo.yaml after openslo/v1.' },
  'slo-measured': {
    holds: 'objectives are computed from metrics that the gateway has',
    severity: 'failure',
    mend: 'Use the names of GET /metrics with labels model, version, arm, result.',
  },
  'slo-agrees': {
    holds: 'the latency objective is the latency budget',
    severity: 'warning',
    mend: 'Use the same number in slo.openslo.yaml and budgets.latencyP95Ms.',
  },
  'runbook-there': { holds: 'the runbook has a table of symptoms', severity: 'failure', mend: 'Write RUNBOOK.md with a table: symptom, diagnostics, actions.' },
  'runbook-diagnostic': { holds: 'every symptom has a diagnostic', severity: 'failure', mend: 'Name the metric, call or command that shows the cause.' },
  'runbook-action': { holds: 'every symptom has an action that is a command', severity: 'failure', mend: 'Add a command that can be pasted, in backticks.' },
  'runbook-command': { holds: 'every command of the runbook exists', severity: 'failure', mend: 'Correct the command; `handoff --help` lists them.' },
  'runbook-covers': { holds: 'every signal and drift rule has its symptom', severity: 'failure', mend: 'Add a row for it to RUNBOOK.md.' },
  'card-front-matter': {
    holds: 'the model card has its front matter',
    severity: 'failure',
    mend: 'Add license, library_name, tags, metrics and model-index to the head of README.md.',
  },
  'card-sections': { holds: 'the model card has all sections', severity: 'failure', mend: 'Add the section to README.md; templates/ shows them.' },
  'card-handoff': {
    holds: 'the README hands over: diagram, artifacts, reproduction, schema, metrics, monitoring, rollback',
    severity: 'failure',
    mend: 'Add the part to README.md.',
  },
  'owners-named': {
    holds: 'every owner can be reached',
    severity: 'failure',
    mend: 'Give each of product, dataScience and engineering a team and an address.',
  },
  'on-call-named': { holds: 'on-call and escalation are named', severity: 'failure', mend: 'Fill in runbook.onCall and runbook.escalation in handoff.yaml.' },
  'filled-in': { holds: 'nothing is left to fill in', severity: 'failure', mend: 'Replace the words `to be filled in` by what belongs there.' },
  'signed-off': {
    holds: 'product, data science and engineering have signed off',
    severity: 'failure',
    mend: 'Each runs `handoff check MODEL/VERSION --sign-off ROLE --by NAME`.',
  },
  'sign-off-current': {
    holds: 'the sign-offs are over this digest',
    severity: 'failure',
    mend: 'The bundle was changed after the sign-off: review the change and sign off anew.',
  },
} as const satisfies Readonly<Record<string, RuleFacts>>;

export type RuleId = keyof typeof rules;

/** One breach of a rule: where, what is there, what should be. */
export interface Finding {
  readonly rule: RuleId;
  readonly file: string;
  readonly field: string;
  readonly got: string;
  readonly expected: string;
}

/** What a rule group takes its findings down with; one that is not `wrong` is passed over. */
export type Report = (rule: RuleId, finding: Omit<Finding, 'rule'>, wrong?: boolean) => void;

/** How a finding counts. */
export const severityOf = (rule: RuleId, strict: boolean): 'failure' | 'warning' => (strict ? 'failure' : rules[rule].severity);
