"""Writes the measured figures into README.md: the front matter's model-index and the metrics table, each between its markers."""
import re
from pathlib import Path

from measure import TOP


def between(text: str, begin: str, end: str, content: str) -> str:
    """`text` with what stands between the lines `begin` and `end` replaced."""
    pattern = re.compile(rf"(^{re.escape(begin)}\n).*?(^{re.escape(end)}$)", re.M | re.S)
    if not pattern.search(text):
        raise ValueError(f"README.md: got no lines {begin} … {end}, expected both")
    return pattern.sub(lambda match: f"{match[1]}{content}{match[2]}", text, count=1)


def model_index(metrics: dict) -> str:
    """The model-index of a Hugging Face model card."""
    return f"""model-index:
  - name: search-ranker
    results:
      - task: {{ type: tabular-regression, name: Ranking }}
        dataset: {{ type: simulated, name: simulated search queries, split: test, revision: seed-{metrics['seed']} }}
        metrics:
          - {{ type: ndcg, name: NDCG@{TOP}, value: {metrics['full']['ndcgAt10']:.4f} }}
"""


def signed_percent(share: float) -> str:
    return f"{100 * share:+.1f} %"


def table(metrics: dict) -> str:
    """One row a metric; columns for the whole test set and for the shipped sample."""
    parts = [metrics["full"], metrics["cases"]]
    spans = [metrics["intervals"]["full"], metrics["intervals"]["cases"]]
    rows = [
        ["queries / documents", *(f"{part['queries']:,} / {part['rows']:,}" for part in parts)],
        [f"**NDCG@{TOP}**, 95 % interval", *(f"**{part['ndcgAt10']:.4f}** [{span['ndcgAt10'][0]:.4f}, {span['ndcgAt10'][1]:.4f}]" for part, span in zip(parts, spans))],
    ]
    if "promise" in metrics:
        rows += [
            [f"NDCG@{TOP} of the baseline 1.2.0", *(f"{part['ndcgAt10Baseline']:.4f}" for part in parts)],
            ["**gain over 1.2.0**, 95 % interval", *(f"**{signed_percent(part['relativeGain'])}** [{signed_percent(span['relativeGain'][0])}, {signed_percent(span['relativeGain'][1])}]" for part, span in zip(parts, spans))],
            ["queries better / worse / equal than by 1.2.0", *(f"{part['queriesBetter']} / {part['queriesWorse']} / {part['queriesEqual']}" for part in parts)],
        ]
    rows += [
        [f"NDCG@{TOP}, ordered by bm25_title alone", *(f"{part['ndcgAt10ByTitleMatch']:.4f}" for part in parts)],
        [f"NDCG@{TOP}, random order", *(f"{part['ndcgAt10RandomOrder']:.4f}" for part in parts)],
        [f"NDCG@{TOP} with ctr_7d and return_rate_90d swapped", *(f"{part['ndcgAt10SwappedFeatures']:.4f}" for part in parts)],
        ["queries with tied scores", *(str(part["queriesWithTiedScores"]) for part in parts)],
        ["lowest and highest score", *(f"{part['scoreMinimum']:.4f}, {part['scoreMaximum']:.4f}" for part in parts)],
    ]
    lines = ["| metric (simulated data) | test set | evaluation/cases.jsonl |", "| --- | --- | --- |", *("| " + " | ".join(row) + " |" for row in rows)]
    return "\n".join([*lines, "", f"Intervals: {metrics['intervals']['method']}.", *promise(metrics)]) + "\n"


def promise(metrics: dict) -> list[str]:
    """The promise against its measured interval, and the gain on other simulated data sets."""
    if "promise" not in metrics:
        return []
    stated, low = metrics["promise"], metrics["intervals"]["full"]["relativeGain"][0]
    others = ", ".join(
        f"{signed_percent(other['relativeGain'])} [{signed_percent(other['interval'][0])}, {signed_percent(other['interval'][1])}] (seed {other['seed']})"
        for other in metrics["otherSeeds"]
    )
    return [
        "",
        f"Threshold: gain of at least {signed_percent(stated['relativeGain'])}, judged by the lower end of the interval on the test set: {signed_percent(low)}. {'Kept' if stated['kept'] else 'Not kept'}.",
        "",
        f"The same two trainings on other simulated data sets: {others}.",
    ]


def write_readme(source: Path, target: Path, metrics: dict) -> None:
    """Copies README.md with the measured figures in it. `source` and `target` may be one file."""
    text = between(source.read_text(), "# metrics:begin", "# metrics:end", model_index(metrics))
    target.write_text(between(text, "<!-- metrics:begin -->", "<!-- metrics:end -->", table(metrics)))
