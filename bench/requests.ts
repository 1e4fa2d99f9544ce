/** The requests of the benchmarks: golden card-fraud rows that carry the fields of both versions (29 numbers), each with the answers that are right for it. */
import { goldenOutputs, goldenRows } from '../test/support/bundles.ts';

export const model = 'card-fraud';
export const baseline = '1.4.0';
export const candidate = '2.0.0';

/** Golden cases whose fields are plain numbers, one row each: the ceiling knows no units, no time zones and no imputation. */
const cases = ['01-ordinary-purchase', '02-high-amount', '03-night', '04-compromised-terminal', '05-compromised-customer'];
const absoluteTolerance = 1e-5;

type Row = Readonly<Record<string, unknown>>;
export type Arm = 'baseline' | 'candidate' | 'none';

/** What an answer is worth, and which arm gave it; `none` for servers without arms. */
export interface Verdict {
  readonly right: boolean;
  readonly arm: Arm;
}

/** One HTTP request as bytes, and the judge of its answer's body. */
export interface PreparedRequest {
  readonly bytes: Buffer;
  readonly judge: (body: string) => Verdict;
}

/** The bytes of `POST /infer` with a JSON body, keep-alive. */
export const postInfer = (body: unknown, routingKey: string): Buffer => {
  const text = JSON.stringify(body);
  const head = [
    'POST /infer HTTP/1.1',
    'host: 127.0.0.1',
    'content-type: application/json',
    `x-routing-key: ${routingKey}`,
    `content-length: ${Buffer.byteLength(text)}`,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${text}`);
};

const equals = (got: unknown, expected: unknown): boolean =>
  typeof got === 'number' && typeof expected === 'number' ? Math.abs(got - expected) <= absoluteTolerance : got === expected;

const isSameRow = (got: Row | undefined, expected: Row): boolean =>
  got !== undefined && Object.entries(expected).every(([name, value]) => equals(got[name], value));

/**
 * Judges every answer by the golden outputs of the version that it names. Only the prediction id differs between answers
 * of one case and version, so what follows it is parsed once and then recognised by its text.
 *
 * @param right the outputs by version; the baseline's hold for an answer that names none
 */
export const createJudge = (right: ReadonlyMap<string, Row>): PreparedRequest['judge'] => {
  const seen = new Map<string, Verdict>();
  const parse = (body: string): Verdict => {
    const answer = JSON.parse(body) as { readonly version?: string; readonly arm?: Arm; readonly outputs?: readonly Row[] };
    const expected = right.get(answer.version ?? baseline);
    return { right: expected !== undefined && answer.outputs?.length === 1 && isSameRow(answer.outputs[0], expected), arm: answer.arm ?? 'none' };
  };
  return (body) => {
    const key = body.slice(Math.max(0, body.indexOf('"model":')));
    const known = seen.get(key);
    if (known !== undefined) return known;
    const verdict = parse(body);
    seen.set(key, verdict);
    return verdict;
  };
};

/** `count` requests over all cases, each with a routing key of its own. */
export const prepareRequests = async (count: number): Promise<readonly PreparedRequest[]> => {
  const kinds = await Promise.all(
    cases.map(async (name) => {
      const [inputs, ...outputs] = await Promise.all([
        goldenRows(model, [baseline, candidate], `${name}.json`),
        ...[baseline, candidate].map((version) => goldenOutputs(model, version, `${name}.json`)),
      ]);
      return { body: { model, inputs }, judge: createJudge(new Map([baseline, candidate].map((version, index) => [version, outputs[index]?.[0] ?? {}]))) };
    }),
  );
  return Array.from({ length: count }, (_, index) => kinds[index % kinds.length]).flatMap((kind, index) =>
    kind === undefined ? [] : [{ bytes: postInfer(kind.body, `customer-${index}`), judge: kind.judge }],
  );
};
