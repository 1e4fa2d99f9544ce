"""Trains both versions on simulated transactions and rebuilds the files of one bundle.

usage: python train.py [--version 2.0.0] [--seed 42] [--out DIR]
Without --out the files of this bundle, its golden cases and the digests in handoff.yaml are rewritten in place; with --out everything goes to DIR.
Deterministic on one machine and one set of package versions: a second run writes the same bytes.
"""

import os

os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')

import argparse
import hashlib
import json
import re
from importlib.metadata import version as package_version
from pathlib import Path

import lightgbm
import numpy as np

from features import COMMON, IMPUTE, ORDER, UNION, compute_features, is_integer, tensor
from metrics import area_under_precision_recall, day_bootstrap, measure, recall_at_precision, threshold_for_precision
from onnx_export import export_logistic, export_trees
from simulate import simulate

BUNDLE = Path(__file__).resolve().parent.parent
BASELINE, CANDIDATE = '1.4.0', '2.0.0'
TRAIN, VALIDATION, TEST = (30, 61), (62, 68), (76, 89)
"""First and last day. Days 0-29 fill the 30-day windows; the days between validation and test are the delay of the labels."""
TIMESTAMP, BRUSSELS = '2026-03-20T23:30:00Z', {'hour': 0, 'is_weekend': 1, 'is_night': 1}
"""23:30 UTC on Friday 2026-03-20 is 00:30 on Saturday in Brussels."""
CASES = {'fraud': 450, 'genuine': 1_150}
TREES = {
    'objective': 'binary', 'num_leaves': 15, 'learning_rate': 0.08, 'min_data_in_leaf': 20, 'lambda_l2': 1.0,
    'deterministic': True, 'force_row_wise': True, 'num_threads': 1, 'verbosity': -1}


def logistic(matrix, label, ridge=1.0, steps=12):
    """Logistic regression by Newton's method on standardised columns. Returns mean, scale, weights, bias as float32, the precision it is served in."""
    mean, scale = matrix.mean(axis=0, dtype=np.float64).astype(np.float32), matrix.std(axis=0, dtype=np.float64).astype(np.float32)
    x = np.column_stack([(matrix.astype(np.float64) - mean) / scale, np.ones(label.size)])
    penalty = np.diag(np.append(np.full(matrix.shape[1], ridge), 0))
    w = np.zeros(x.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-x @ w))
        w -= np.linalg.solve((x.T * (p * (1 - p))) @ x + penalty, x.T @ (p - label) + penalty @ w)
    return mean, scale, w[:-1].astype(np.float32), np.float32(w[-1])


def train(columns, label, rows, seed):
    """Trains both versions. Returns {version: (onnx model, predict(float32 matrix) -> probability)}; predict never uses ONNX Runtime."""
    mean, scale, weights, bias = logistic(tensor(columns, BASELINE, rows), label[rows])
    weights64, bias64 = weights.astype(np.float64), float(bias)
    predict_logistic = lambda m: 1 / (1 + np.exp(-(((m.astype(np.float64) - mean) / scale) @ weights64 + bias64)))
    data = lightgbm.Dataset(tensor(columns, CANDIDATE, rows), label[rows], feature_name=ORDER[CANDIDATE], free_raw_data=False)
    booster = lightgbm.train(TREES | {'seed': seed}, data, num_boost_round=150)
    return {
        BASELINE: (export_logistic(mean, scale, weights, bias), predict_logistic),
        CANDIDATE: (export_trees(booster), lambda m: booster.predict(m)),
    }


def as_request(columns, row, names):
    """One row as a request carries it: integers as integers, decimals as served, null for a missing value."""
    values = {name: columns[name][row] for name in names}
    return {name: None if np.isnan(v) else int(v) if is_integer(name) else float(v) for name, v in values.items()}


def as_vector(fields, version):
    """What the model must see for one golden row: null imputed, float32."""
    return np.array([[IMPUTE[name] if fields[name] is None else fields[name] for name in ORDER[version]]], np.float32)


def rounded(value):
    """A JSON number with 7 significant digits."""
    return float(f'{value:.7g}')


def tells_apart(models, columns, rows, right, wrong):
    """Marks the rows where both models move by more than 0.001 between two fillings of some fields: a golden case there catches the wrong one."""
    filled = [columns | {name: np.full(columns[name].size, value) for name, value in fields.items()} for fields in (right, wrong)]
    moved = [np.abs(predict(tensor(filled[0], v, rows)) - predict(tensor(filled[1], v, rows))) > 0.001 for v, (_, predict) in models.items()]
    return np.all(moved, axis=0)


def golden_rows(models, data, columns, rows, score):
    """One real row of the simulated test days for each situation; both versions get the same transactions."""
    amount, scenario = columns['amount'][rows], data['scenario'][rows]
    flagged = (score[BASELINE] > 0.5) & (score[CANDIDATE] > 0.5)
    quiet = (scenario == 0) & (score[BASELINE] < 0.01) & (score[CANDIDATE] < 0.01)
    night, known = columns['is_night'][rows] == 1, ~np.isnan(columns['cust_mean_30d'][rows])
    unknown = np.isnan(columns['amount_ratio_30d'][rows]) & np.isnan(columns['amount_ratio_30d_5m'][rows])
    imputed = tells_apart(models, columns, rows, IMPUTE, dict.fromkeys(IMPUTE, 0.0))
    in_brussels = tells_apart(models, columns, rows, BRUSSELS, BRUSSELS | {'hour': 23})

    def first(wanted, otherwise=False):
        """The first row that shows the situation clearly; with another seed there may be none, then one that shows it at all."""
        return int(rows[np.concatenate([np.flatnonzero(wanted & (amount <= 900)), np.flatnonzero(otherwise & (amount <= 900))])[0]])

    return {
        'ordinary-purchase': first(quiet & ~night & known & (amount > 20) & (amount < 60)),
        'high-amount': first((scenario == 1) & known & (amount > 230) & (score[CANDIDATE] > 0.5), scenario == 1),
        'night': first(quiet & night & known),
        'compromised-terminal': first((scenario == 2) & flagged & known, scenario == 2),
        'compromised-customer': first((scenario == 3) & flagged & known & (amount > 300), scenario == 3),
        'new-customer': first(unknown & imputed, unknown),
        'timestamp-in-brussels': first(in_brussels & known, known),
    }


def golden_cases(columns, chosen, version, predict, threshold):
    """The golden cases of one version as {file name: content}. Expected values are the trainer's own, on float32 inputs."""
    picked = {name: as_request(columns, row, ORDER[version]) for name, row in chosen.items()}
    cases = {name: ([fields], [fields]) for name, fields in picked.items()}
    in_time = picked['timestamp-in-brussels']
    cases['timestamp-in-brussels'] = ([in_time | dict.fromkeys(BRUSSELS, TIMESTAMP)], [in_time | BRUSSELS])
    in_cents = picked['night'] | {'amount': {'value': round(picked['night']['amount'] * 100), 'unit': 'cent'}}
    cases['amount-in-cents'] = ([in_cents], [picked['night']])
    three = [picked['compromised-terminal'], picked['new-customer'], picked['compromised-customer']]
    cases['three-rows'] = (three, three)

    files = {}
    for number, (name, (request, seen)) in enumerate(cases.items(), start=1):
        values = [float(predict(as_vector(fields, version))[0]) for fields in seen]
        assert all(abs(value - threshold) > 1e-4 for value in values), f'{name} lies on the threshold'
        outputs = [{'fraud_probability': rounded(value), 'flagged': value >= threshold} for value in values]
        source = f'Rows of the simulated test days; expected values by {"numpy" if version == BASELINE else "LightGBM"} in training/train.py, not by ONNX Runtime.'
        files[f'{number:02d}-{name}.json'] = {
            'request': {'inputs': request}, 'expected': {'outputs': outputs}, 'tolerance': {'absolute': 1e-5}, 'source': source}
    return files


def sample_cases(data, columns, rows, seed):
    """Row numbers of the held-out sample: a case-control draw of test rows, in time order."""
    rng = np.random.default_rng(seed)
    fraud, genuine = rows[data['fraud'][rows] == 1], rows[data['fraud'][rows] == 0]
    return np.sort(np.concatenate([
        rng.choice(fraud, min(CASES['fraud'], fraud.size), replace=False), rng.choice(genuine, CASES['genuine'], replace=False)]))


def distribution(values):
    """Deciles, shares, nulls, mean and deviation of one column; a bin is [edge, next edge), the last one closed. A repeated edge is an empty bin."""
    present = values[~np.isnan(values)]
    edges = np.quantile(present, np.linspace(0, 1, 11))
    below = np.array([np.mean(present < edge) for edge in edges[1:-1]])
    shares = np.diff(np.concatenate([[0], below, [1]]))
    short = lambda numbers: [round(float(n), 6) for n in numbers]
    return {'edges': short(edges), 'shares': short(shares), 'nulls': round(float(np.isnan(values).mean()), 6),
            'mean': round(float(present.mean()), 6), 'sd': round(float(present.std()), 6)}


def drift_baseline(columns, version, rows, score):
    """Reference distributions of the training days, with the scores of the model on them."""
    return {
        'source': f'Simulated transactions, training days {TRAIN[0]}-{TRAIN[1]}.', 'rows': int(rows.size),
        'fields': {name: distribution(columns[name][rows]) for name in ORDER[version]}, 'outputs': {'fraud_probability': distribution(score)}}


def metrics_table(metrics):
    """The Markdown table between the README's markers."""
    names = {
        'areaUnderPrecisionRecall': 'area under precision-recall', 'recallAtPrecision90': 'recall at precision 0.9',
        'precisionAtThreshold': 'precision at the threshold', 'recallAtThreshold': 'recall at the threshold', 'flaggedShare': 'share flagged',
        'cost': 'cost (false positive 1, missed fraud 25)', 'sliceGapNight': 'gap of recall at precision 0.9, night against day'}
    full, cases = metrics['full'], metrics['cases']
    lines = [
        f'Simulated test days {TEST[0]}-{TEST[1]}: {full[BASELINE]["rows"]:,} transactions, {full[BASELINE]["fraud"]:,} fraud.'
        f' The sample in `evaluation/cases.jsonl` has {cases[BASELINE]["rows"]:,} of them, {cases[BASELINE]["fraud"]:,} fraud.', '',
        f'| metric | {BASELINE} | {CANDIDATE} | {BASELINE}, sample | {CANDIDATE}, sample |', '| --- | --- | --- | --- | --- |']
    lines += [f'| {text} | {full[BASELINE][key]} | {full[CANDIDATE][key]} | {cases[BASELINE][key]} | {cases[CANDIDATE][key]} |' for key, text in names.items()]
    lines.append(f'| threshold (chosen on validation days) | {metrics["thresholds"][BASELINE]} | {metrics["thresholds"][CANDIDATE]} | | |')
    lines += ['', f'{CANDIDATE} less {BASELINE} on the test days, 95 % interval over {TEST[1] - TEST[0] + 1} days drawn again 1,000 times:', '']
    for key, interval in metrics['intervals'].items():
        lines.append(f'- {names[key]}: {interval["difference"]:+.4f} [{interval["low"]:+.4f}, {interval["high"]:+.4f}]')
    return '\n'.join(lines)


def model_index(metrics, version):
    """The front matter's model-index block."""
    full = metrics['full'][version]
    entries = [('average_precision', 'area under precision-recall', full['areaUnderPrecisionRecall']),
               ('recall', 'recall at precision 0.9', full['recallAtPrecision90']),
               ('precision', 'precision at the threshold', full['precisionAtThreshold'])]
    lines = ['model-index:', '  - name: card-fraud', '    results:', '      - task: { type: tabular-classification }',
             '        dataset: { type: simulated-card-transactions, name: Simulated card transactions, split: test }', '        metrics:']
    return '\n'.join(lines + [f'          - {{ type: {kind}, name: {name}, value: {value} }}' for kind, name, value in entries])


def replace_between(text, begin, end, body):
    """Replaces what stands between two markers."""
    assert text.count(begin) == 1 and text.count(end) == 1
    return text[:text.index(begin) + len(begin)] + '\n' + body + '\n' + text[text.index(end):]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')


def write_manifest(threshold):
    """Sets the threshold and the digests of files that the manifest already lists."""
    path = BUNDLE / 'handoff.yaml'
    text = re.sub(r'(threshold: \{ at: )[0-9.]+', rf'\g<1>{threshold}', path.read_text(encoding='utf-8'))
    golden = BUNDLE.parents[2] / 'golden' / BUNDLE.parent.name / BUNDLE.name

    def digest(match):
        folder = BUNDLE if match[2] == 'path' else golden
        return f'{match[1]}{hashlib.sha256((folder / match[3]).read_bytes()).hexdigest()}'

    write(path, re.sub(r'(- \{ (path|file): (\S+), sha256: )[0-9a-f]{64}', digest, text))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--version', default=BUNDLE.name, choices=[BASELINE, CANDIDATE])
    parser.add_argument('--seed', type=int, default=42)
    parser.add_argument('--out', type=Path)
    options = parser.parse_args()
    out, version = options.out or BUNDLE, options.version
    golden = out / 'golden' if options.out else BUNDLE.parents[2] / 'golden' / BUNDLE.parent.name / BUNDLE.name

    data = simulate(options.seed)
    columns, label, day = compute_features(data), data['fraud'], data['day']
    rows = {name: np.flatnonzero((day >= first) & (day <= last)) for name, (first, last) in (('train', TRAIN), ('validation', VALIDATION), ('test', TEST))}
    rows['cases'] = sample_cases(data, columns, rows['test'], options.seed)
    models = train(columns, label, rows['train'], options.seed)
    score = {v: {part: models[v][1](tensor(columns, v, at)) for part, at in rows.items()} for v in models}
    thresholds = {v: threshold_for_precision(label[rows['validation']], score[v]['validation']) for v in models}

    def measured(part):
        at = rows[part]
        return {v: measure(label[at], score[v][part], columns['is_night'][at], thresholds[v]) for v in models}

    def interval(metric):
        test = rows['test']
        return day_bootstrap(metric, label[test], day[test], score[CANDIDATE]['test'], score[BASELINE]['test'], options.seed)

    metrics = {
        'thresholds': thresholds, 'full': measured('test'), 'cases': measured('cases'),
        'intervals': {'areaUnderPrecisionRecall': interval(area_under_precision_recall), 'recallAtPrecision90': interval(recall_at_precision)},
    }
    report = {
        'model': 'card-fraud', 'version': version, 'seed': options.seed,
        'data': f'Simulated: {label.size:,} transactions of 90 days, fraud share {label.mean():.4f}.', 'rows': {part: int(at.size) for part, at in rows.items()},
        'threshold': thresholds[version], 'full': metrics['full'][version], 'cases': metrics['cases'][version],
        'sampling': {
            'kind': 'case-control', 'meaning': 'cases.jsonl draws fraud far more often than it occurs: its precision and share flagged are not those of the test days.',
            'fraud': f'{int(label[rows["cases"]].sum())} of {int(label[rows["test"]].sum())}', 'genuine': f'{CASES["genuine"]} of {int((label[rows["test"]] == 0).sum())}'},
        'compared': {v: {'threshold': thresholds[v], 'full': metrics['full'][v], 'cases': metrics['cases'][v]} for v in models if v != version},
        'intervals': metrics['intervals'] | {'meaning': f'{CANDIDATE} less {BASELINE} on the test days, 95 %, days drawn again 1,000 times'},
        'versions': {name: package_version(name) for name in ('numpy', 'lightgbm', 'onnx')},
    }
    chosen = golden_rows(models, data, columns, rows['test'], {v: score[v]['test'] for v in models})
    model, predict = models[version]

    out.mkdir(parents=True, exist_ok=True)
    (out / 'model.onnx').write_bytes(model.SerializeToString(deterministic=True))
    for name, case in golden_cases(columns, chosen, version, predict, thresholds[version]).items():
        write(golden / name, json.dumps(case, indent=2) + '\n')
    lines = [json.dumps({'id': f'case-{n:04d}', 'inputs': [as_request(columns, row, UNION)], 'labels': [int(label[row])]}, separators=(',', ':'))
             for n, row in enumerate(rows['cases'], start=1)]
    write(out / 'evaluation/cases.jsonl', '\n'.join(lines) + '\n')
    write(out / 'evaluation/metrics.json', json.dumps(report, indent=2) + '\n')
    write(out / 'baseline.json', json.dumps(drift_baseline(columns, version, rows['train'], score[version]['train']), indent=1) + '\n')
    readme = BUNDLE / 'README.md'
    if readme.exists():
        text = replace_between(readme.read_text(encoding='utf-8'), '<!-- metrics:begin -->', '<!-- metrics:end -->', metrics_table(metrics))
        write(out / 'README.md', replace_between(text, '# metrics:begin', '# metrics:end', model_index(metrics, version)))
    if not options.out and (BUNDLE / 'handoff.yaml').exists():
        write_manifest(thresholds[version])
    print(json.dumps(report, indent=2))


if __name__ == '__main__':
    main()
