"""Metrics of a fraud score, and the day-bootstrap interval of a difference."""

import numpy as np


def curve(label, score, weight=None):
    """Precision and recall at each distinct score, highest first, with the scores. A weight says how often a row counts."""
    order = np.argsort(-score, kind='stable')
    value = score[order]
    count = np.ones(label.size) if weight is None else weight[order]
    last = np.append(np.flatnonzero(np.diff(value)), value.size - 1)
    caught = np.cumsum(count * label[order])[last]
    flagged = np.cumsum(count)[last]
    return caught / np.maximum(flagged, 1), caught / max(caught[-1], 1), value[last]


def area_under_precision_recall(label, score, weight=None):
    precision, recall, _ = curve(label, score, weight)
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def recall_at_precision(label, score, weight=None, wanted=0.9):
    precision, recall, _ = curve(label, score, weight)
    return float(recall[precision >= wanted].max(initial=0))


def threshold_for_precision(label, score, wanted=0.9):
    """The lowest score at which precision is still `wanted`, rounded down to 4 decimals."""
    precision, _, value = curve(label, score)
    return float(np.floor(value[np.flatnonzero(precision >= wanted)[-1]] * 10_000) / 10_000)


def measure(label, score, night, threshold):
    """All metrics of acceptance.yaml that need labels, as plain numbers rounded to 4 decimals."""
    flagged = score >= threshold
    caught = int((flagged & (label == 1)).sum())
    by_night = [recall_at_precision(label[night == part], score[night == part]) for part in (0, 1)]
    values = {
        'rows': int(label.size), 'fraud': int(label.sum()),
        'areaUnderPrecisionRecall': area_under_precision_recall(label, score),
        'recallAtPrecision90': recall_at_precision(label, score),
        'precisionAtThreshold': caught / max(int(flagged.sum()), 1), 'recallAtThreshold': caught / int(label.sum()),
        'flaggedShare': float(flagged.mean()),
        'cost': int((flagged & (label == 0)).sum()) + 25 * (int(label.sum()) - caught),
        'recallAtPrecision90Day': by_night[0], 'recallAtPrecision90Night': by_night[1], 'sliceGapNight': abs(by_night[0] - by_night[1]),
    }
    return {key: value if isinstance(value, int) else round(value, 4) for key, value in values.items()}


def day_bootstrap(metric, label, day, candidate, baseline, seed, rounds=1_000):
    """The 95 % interval of metric(candidate) - metric(baseline) when whole days are drawn again with replacement."""
    rng = np.random.default_rng(seed)
    days, index = np.unique(day, return_inverse=True)
    ranked = [(label[order], score[order], index[order]) for score in (candidate, baseline) for order in [np.argsort(-score, kind='stable')]]
    differences = []
    for _ in range(rounds):
        times = np.bincount(rng.integers(0, days.size, days.size), minlength=days.size).astype(np.float64)
        new, old = (metric(labels, scores, times[at]) for labels, scores, at in ranked)
        differences.append(new - old)
    low, high = np.quantile(differences, [0.025, 0.975])
    return {'difference': round(metric(label, candidate) - metric(label, baseline), 4), 'low': round(float(low), 4), 'high': round(float(high), 4)}
