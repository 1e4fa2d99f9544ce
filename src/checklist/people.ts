import { checkDocument } from '../bundle/fault.ts';
import { signoffRoles, signoffsFile, signoffsSchema } from '../bundle/signoffs.ts';
import { parsedYaml } from '../bundle/yaml.ts';
import type { RuleGroup } from './subject.ts';

const isReachable = (contact: string): boolean => /\S+@\S+\.\S+|^https?:\/\/|^#\S+|^\+?[\d ()-]{6,}$/.test(contact);

const checkSignoffs: RuleGroup = async ({ bundle, text }, report) => {
  const source = await text(signoffsFile);
  const missing = (roles: readonly string[]): void => {
    for (const role of roles) report('signed-off', { file: signoffsFile, field: role, got: 'no sign-off', expected: `a sign-off over ${bundle.digest}` });
  };
  if (source === null) return missing(signoffRoles);
  const yaml = parsedYaml(source);
  if ('fault' in yaml) return report('signed-off', { file: signoffsFile, field: '(whole file)', got: yaml.fault, expected: 'YAML' });
  const { value, faults } = checkDocument(signoffsSchema, signoffsFile, yaml.document);
  for (const fault of faults) report('signed-off', fault);
  if (value === null) return;
  const { signoffs } = value;
  missing(signoffRoles.filter((role) => signoffs.every((entry) => entry.role !== role)));
  for (const { role, digest } of signoffs.filter((entry) => signoffs.findLast(({ role: other }) => other === entry.role) === entry))
    if (digest !== bundle.digest) report('sign-off-current', { file: signoffsFile, field: role, got: digest, expected: bundle.digest });
};

/** Who answers for the bundle, who is woken, and who has agreed. */
export const checkPeople: RuleGroup = async (subject, report) => {
  const { owners, runbook } = subject.bundle.manifest;
  for (const [role, { contact }] of Object.entries(owners))
    if (!isReachable(contact)) report('owners-named', { file: 'handoff.yaml', field: `owners.${role}.contact`, got: contact, expected: 'an address' });
  if (runbook.onCall.trim() === '') report('on-call-named', { file: 'handoff.yaml', field: 'runbook.onCall', got: 'nothing', expected: 'who is woken' });
  for (const [index, contact] of runbook.escalation.entries())
    if (!isReachable(contact)) report('on-call-named', { file: 'handoff.yaml', field: `runbook.escalation.${index}`, got: contact, expected: 'an address' });
  await checkSignoffs(subject, report);
};
