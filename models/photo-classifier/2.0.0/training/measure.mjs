// Measures both versions of photo-classifier in Node: latency in alternation (batch 1, one thread), and every golden case
// through sharp and onnxruntime-node. Writes evaluation/latency.json into both bundles and exits 1 if a golden case differs.
// usage: node models/photo-classifier/<version>/training/measure.mjs
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';

process.env.ORT_DISABLE_TELEMETRY = '1'; // before the library loads
const ort = await import('onnxruntime-node');
const { default: sharp } = await import('sharp');

const models = new URL('../../', import.meta.url);
const versions = { '1.0.0': 224, '2.0.0': 260 };
const maxPixels = 25_000_000;
const [padding, mean, scale] = [32, 127, 128];
const [warmUps, runs] = [20, 200];

const json = async (url) => JSON.parse(await readFile(url, 'utf8'));
const milliseconds = (since) => Number(process.hrtime.bigint() - since) / 1e6;
const quantile = (sorted, share) => Number(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))].toFixed(2));

const centreSquare = ({ width, height }, size) => {
  const side = Math.floor((Math.min(width, height) * size) / (size + padding));
  return { left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2), width: side, height: side };
};

const pixelsOf = async (photo, size) => {
  const options = { ignoreIcc: true, limitInputPixels: maxPixels };
  const box = centreSquare(await sharp(photo, options).metadata(), size);
  return sharp(photo, options).removeAlpha().toColourspace('srgb').extract(box).resize(size, size, { fit: 'fill', kernel: 'cubic', fastShrinkOnLoad: false }).raw().toBuffer();
};

const tensorOf = (pixels, size) => {
  const area = size * size;
  const values = new Float32Array(3 * area);
  for (let index = 0; index < area; index += 1) {
    for (let channel = 0; channel < 3; channel += 1) values[channel * area + index] = (pixels[index * 3 + channel] - mean) / scale;
  }
  return new ort.Tensor('float32', values, [1, 3, size, size]);
};

const meanLuma = (pixels) => {
  let sum = 0;
  for (let index = 0; index < pixels.length; index += 3) sum += 0.299 * pixels[index] + 0.587 * pixels[index + 1] + 0.114 * pixels[index + 2];
  return sum / (pixels.length / 3);
};

const load = async (version) => {
  const folder = new URL(`${version}/`, models);
  const golden = new URL(`../../golden/photo-classifier/${version}/`, models);
  const manifest = await readFile(new URL('handoff.yaml', folder), 'utf8');
  const setting = (name) => Number(new RegExp(`\\b${name}: ([0-9.]+)`).exec(manifest)[1]);
  const files = (await readdir(golden)).sort();
  return {
    version,
    size: versions[version],
    labels: await json(new URL('labels.json', folder)),
    rule: { below: setting('below'), brightnessBelow: setting('brightnessBelow') },
    cases: await Promise.all(files.map(async (file) => ({ file, ...(await json(new URL(file, golden))) }))),
    session: await ort.InferenceSession.create(await readFile(new URL('model.onnx', folder)), { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 }),
    modelMs: [],
    wholeMs: [],
  };
};

const classify = async ({ size, labels, rule, session }, photo) => {
  const pixels = await pixelsOf(photo, size);
  const input = tensorOf(pixels, size);
  const started = process.hrtime.bigint();
  const { probabilities } = await session.run({ images: input });
  const modelMs = milliseconds(started);
  const ranked = [...probabilities.data].map((confidence, index) => ({ label: labels[index], confidence })).sort((a, b) => b.confidence - a.confidence);
  return { ranked, abstained: ranked[0].confidence < rule.below || meanLuma(pixels) < rule.brightnessBelow, modelMs };
};

const photoOf = (golden) => Buffer.from(golden.request.inputs[0].image, 'base64');

/** Largest confidence difference and smallest ratio of neighbouring ranks 1-4 over the golden cases; every fault printed. */
const checkGolden = async (model) => {
  const found = { faults: 0, maxDifference: 0, minRankRatio: Number.POSITIVE_INFINITY };
  for (const golden of model.cases) {
    const { ranked, abstained } = await classify(model, photoOf(golden));
    const [expected] = golden.expected.outputs;
    const difference = Math.max(...expected.top.map(({ confidence }, rank) => Math.abs(confidence - ranked[rank].confidence)));
    const same = abstained === expected.abstained && expected.top.every(({ label }, rank) => label === ranked[rank].label);
    const held = same && difference <= golden.tolerance.absolute;
    found.faults += held ? 0 : 1;
    found.maxDifference = Math.max(found.maxDifference, difference);
    found.minRankRatio = Math.min(found.minRankRatio, ...[0, 1, 2].map((rank) => ranked[rank].confidence / ranked[rank + 1].confidence));
    const top = ranked.slice(0, 4).map(({ label, confidence }) => `${label} ${confidence.toFixed(4)}`).join(', ');
    process.stdout.write(`${held ? 'ok  ' : 'FAIL'} ${model.version} ${golden.file} difference ${difference.toFixed(4)} abstained ${abstained}: ${top}\n`);
  }
  return found;
};

const bundles = await Promise.all(Object.keys(versions).map(load));
const checks = [];
for (const model of bundles) checks.push(await checkGolden(model));
for (let run = 0; run < warmUps + runs; run += 1) {
  for (const model of bundles) {
    const started = process.hrtime.bigint();
    const { modelMs } = await classify(model, photoOf(model.cases[run % model.cases.length]));
    if (run >= warmUps) {
      model.modelMs.push(modelMs);
      model.wholeMs.push(milliseconds(started));
    }
  }
}
const figures = bundles.map((model, index) => {
  const [own, whole] = [model.modelMs, model.wholeMs].map((values) => values.sort((a, b) => a - b));
  return [
    model.version,
    {
      minMs: quantile(own, 0),
      p50Ms: quantile(own, 0.5),
      p95Ms: quantile(own, 0.95),
      wholeP50Ms: quantile(whole, 0.5),
      wholeP95Ms: quantile(whole, 0.95),
      goldenCases: model.cases.length,
      goldenMaxDifference: Number(checks[index].maxDifference.toFixed(4)),
      goldenMinRankRatio: Number(checks[index].minRankRatio.toFixed(2)),
    },
  ];
});
const measured = Object.fromEntries(figures);
const result = {
  what: `batch 1, one thread, ${runs} runs a version in alternation; whole = base64 decoding, image decoding, preprocessing, model and ranking in one process`,
  machine: { cpu: cpus()[0].model.trim(), cores: cpus().length, node: process.versions.node, onnxruntimeNode: ort.env.versions.node ?? ort.env.versions.common, libvips: sharp.versions.vips },
  models: measured,
  ratioP50: Number((measured['2.0.0'].p50Ms / measured['1.0.0'].p50Ms).toFixed(2)),
  ratioMin: Number((measured['2.0.0'].minMs / measured['1.0.0'].minMs).toFixed(2)),
};
for (const version of Object.keys(versions)) await writeFile(new URL(`${version}/evaluation/latency.json`, models), `${JSON.stringify(result, null, 2)}\n`);
process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
process.exitCode = checks.some(({ faults }) => faults > 0) ? 1 : 0;
