"""Rebuilds this version of search-ranker: trains, exports, measures, and writes every file that holds a figure.

usage: python train.py [--version V] [--out DIR]

Without --out the bundle itself is rewritten, and its golden cases in golden/search-ranker/<version>. With --out all
goes to DIR, the golden cases to DIR/golden. No network. The same script is in both versions; the version comes from
the bundle's handoff.yaml.
"""
import argparse
import json
import re
import sys
from importlib.metadata import version as package_version
from pathlib import Path

sys.dont_write_bytecode = True  # a __pycache__ in the bundle would be a file that the manifest does not list

import lightgbm as lgb
import numpy as np

from export import to_onnx
from golden import golden_cases
from measure import TOP, bootstrap, ndcg, paired_gain
from report import write_readme
from simulate import COLUMN, DOCUMENTS_PER_QUERY, FEATURES, Queries, logistic, simulate

SEED = 42
TRAIN_QUERIES = 1000
TEST_QUERIES = 500
CASE_QUERIES = 170  # the first of the test queries are shipped; more would not fit into 1.5 MB
OTHER_SEEDS = [43, 44, 45, 46]
PROMISED_GAIN = 0.02
# Two columns in [0, 1] with opposite meaning: the contract cannot see that they are swapped.
SWAPPED = ("ctr_7d", "return_rate_90d")

BASELINE = "1.2.0"
CANDIDATE = "1.3.2"
VERSIONS = {
    BASELINE: {
        "trees": 30, "leaves": 7, "learning_rate": 0.1,
        "features": ["bm25_title", "bm25_body", "term_coverage", "ctr_7d", "rating_mean", "document_age"],
    },
    CANDIDATE: {"trees": 100, "leaves": 15, "learning_rate": 0.08, "features": FEATURES},
}


def fit(version: str, train: Queries) -> lgb.Booster:
    """LambdaMART. Columns that the version does not use are zero in training, so no tree splits on them."""
    setting = VERSIONS[version]
    matrix = train.matrix()
    unused = [COLUMN[name] for name in FEATURES if name not in setting["features"]]
    matrix[:, unused] = 0.0
    parameters = {
        "objective": "lambdarank", "num_leaves": setting["leaves"], "learning_rate": setting["learning_rate"],
        "lambdarank_truncation_level": 20, "min_data_in_leaf": 20, "seed": SEED, "num_threads": 1,
        # Without these two the model depends on the number of threads.
        "deterministic": True, "force_row_wise": True, "verbosity": -1,
    }
    data = lgb.Dataset(matrix, train.grades, group=[DOCUMENTS_PER_QUERY] * train.count, feature_name=FEATURES)
    booster = lgb.train(parameters, data, num_boost_round=setting["trees"])
    split_on = {FEATURES[column] for column in np.flatnonzero(booster.feature_importance())}
    if not split_on <= set(setting["features"]):
        raise ValueError(f"{version}: got splits on {sorted(split_on)}, expected only {setting['features']}")
    return booster


def score(booster: lgb.Booster, matrix: np.ndarray) -> np.ndarray:
    """Scores in (0, 1) in double precision, from the trainer's own library and not from the exported file."""
    return logistic(booster.predict(matrix, raw_score=True))


def measured(version: str, boosters: dict[str, lgb.Booster], queries: Queries) -> tuple[dict, dict]:
    """Metrics of `version` on `queries`, and their 95 % intervals over queries."""
    matrix = queries.matrix()
    scores = {name: score(booster, matrix) for name, booster in boosters.items()}
    own = ndcg(scores[version], queries.grades)
    rng = np.random.default_rng(SEED)
    swapped = matrix.copy()
    swapped[:, [COLUMN[name] for name in SWAPPED]] = matrix[:, [COLUMN[name] for name in reversed(SWAPPED)]]
    tied = [len(set(query)) < DOCUMENTS_PER_QUERY for query in scores[version].astype(np.float32).reshape(-1, DOCUMENTS_PER_QUERY).tolist()]
    metrics = {
        "rows": len(queries.grades),
        "queries": queries.count,
        "ndcgAt10": own.mean(),
        "ndcgAt10RandomOrder": ndcg(rng.random(len(queries.grades)), queries.grades).mean(),
        "ndcgAt10ByTitleMatch": ndcg(matrix[:, COLUMN["bm25_title"]], queries.grades).mean(),
        "ndcgAt10SwappedFeatures": ndcg(score(boosters[version], swapped), queries.grades).mean(),
        "queriesWithTiedScores": sum(tied),
        "scoreMinimum": scores[version].min(),
        "scoreMaximum": scores[version].max(),
    }
    intervals = {"ndcgAt10": bootstrap(own, SEED)}
    if version != BASELINE:
        reference = ndcg(scores[BASELINE], queries.grades)
        metrics |= {
            "ndcgAt10Baseline": reference.mean(),
            "relativeGain": own.mean() / reference.mean() - 1,
            "queriesBetter": int((own > reference).sum()),
            "queriesWorse": int((own < reference).sum()),
            "queriesEqual": int((own == reference).sum()),
        }
        intervals["relativeGain"] = paired_gain(own, reference, SEED)
    return metrics, intervals


def data_of(seed: int) -> tuple[Queries, Queries]:
    """Training and test queries of one simulated data set. They share no query."""
    queries = simulate(TRAIN_QUERIES + TEST_QUERIES, seed)
    return queries.part(0, TRAIN_QUERIES), queries.part(TRAIN_QUERIES, TRAIN_QUERIES + TEST_QUERIES)


def gains_elsewhere() -> list[dict]:
    """The candidate's gain on other simulated data sets: the promise must not hang on one seed."""
    gains = []
    for seed in OTHER_SEEDS:
        train, test = data_of(seed)
        own, reference = (ndcg(score(fit(name, train), test.matrix()), test.grades) for name in (CANDIDATE, BASELINE))
        gains.append({"seed": seed, "relativeGain": own.mean() / reference.mean() - 1, "interval": paired_gain(own, reference, seed)})
    return gains


def evaluation(version: str, boosters: dict[str, lgb.Booster], test: Queries) -> dict:
    """The content of evaluation/metrics.json."""
    full, full_intervals = measured(version, boosters, test)
    cases, case_intervals = measured(version, boosters, test.part(0, CASE_QUERIES))
    result = {
        "model": "search-ranker", "version": version, "data": "simulated", "seed": SEED,
        "python": ".".join(map(str, sys.version_info[:2])),
        "versions": {name: package_version(name) for name in ["lightgbm", "numpy", "onnx", "scipy"]},
        "definition": f"NDCG@{TOP}, gain 2^grade - 1, discount 1/log2(rank + 1), descending score, equal scores in input order, mean over queries",
        "full": full, "cases": cases,
        "intervals": {"method": "2,000 bootstrap samples of queries, percentiles 2.5 and 97.5", "full": full_intervals, "cases": case_intervals},
    }
    if version != BASELINE:
        result |= {"promise": {"relativeGain": PROMISED_GAIN, "kept": full_intervals["relativeGain"][0] >= PROMISED_GAIN}, "otherSeeds": gains_elsewhere()}
    return result


def distribution(values: np.ndarray) -> dict:
    """Decile edges and the share of values between them; nulls apart. Repeated deciles are merged."""
    present = values[~np.isnan(values)]
    edges = np.unique([significant(edge) for edge in np.quantile(present, np.linspace(0, 1, 11), method="lower")])
    # The rounded outer edges must still hold every value.
    edges[0], edges[-1] = min(edges[0], present.min()), max(edges[-1], present.max())
    shares = np.histogram(present, edges)[0] / len(present)
    return {
        "edges": edges.tolist(), "shares": [significant(share) for share in shares],
        "nulls": significant(np.isnan(values).mean()), "mean": significant(present.mean()), "sd": significant(present.std()),
    }


def reference_distributions(booster: lgb.Booster, train: Queries) -> dict:
    """The content of baseline.json."""
    return {
        "source": f"simulated training queries, seed {SEED}",
        "bins": "bin i holds edges[i] <= x < edges[i+1], the last one also its upper edge; nulls are left out of edges, shares, mean and sd",
        "rows": len(train.grades),
        "fields": {name: distribution(train.features[:, COLUMN[name]]) for name in FEATURES},
        "outputs": {"score": distribution(score(booster, train.matrix()))},
    }


def rows_of(queries: Queries, query: int) -> list[dict]:
    """The request rows of one query: ids and named features, null for a missing one."""
    rows = range(query * DOCUMENTS_PER_QUERY, (query + 1) * DOCUMENTS_PER_QUERY)
    return [{"query_id": queries.query_ids[row], "doc_id": queries.doc_ids[row], **named(queries.features[row])} for row in rows]


def named(features: np.ndarray) -> dict:
    """One row of features by name; whole numbers without a decimal point."""
    return {name: None if np.isnan(x) else int(x) if x == int(x) else float(x) for name, x in zip(FEATURES, features, strict=True)}


def significant(x: float) -> float:
    """`x` to 7 significant digits, which is what a float32 carries."""
    return float(f"{x:.7g}")


def rounded(value):
    """Every float in a nested value to 7 significant digits."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(entry) for entry in value]
    return significant(value) if isinstance(value, (float, np.floating)) else value


def write_cases(path: Path, test: Queries) -> None:
    """The held-out sample, one query a line."""
    lines = []
    for query in range(CASE_QUERIES):
        inputs = rows_of(test, query)
        labels = test.grades[query * DOCUMENTS_PER_QUERY:(query + 1) * DOCUMENTS_PER_QUERY].tolist()
        lines.append(json.dumps({"id": inputs[0]["query_id"], "inputs": inputs, "labels": labels}, separators=(",", ":")))
    path.write_text("\n".join(lines) + "\n")


def write_golden(directory: Path, booster: lgb.Booster, queries: list[list[dict]]) -> None:
    """Golden cases: requests, and the answers of the trainer's own library on float32-rounded inputs."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, case in golden_cases(booster, queries).items():
        scores = score(booster, case["matrix"])
        outputs = [
            {"query_id": row["query_id"], "doc_id": row["doc_id"], "score": significant(one)}
            for row, one in zip(case["inputs"], scores, strict=True)
        ]
        document = {"request": {"inputs": case["inputs"]}, "expected": {"outputs": outputs}, "tolerance": {"absolute": 1e-5}, "source": case["source"]}
        (directory / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")


def main() -> None:
    bundle = Path(__file__).resolve().parent.parent
    stated = re.search(r"^version: (\S+)$", (bundle / "handoff.yaml").read_text(), re.M)
    parser = argparse.ArgumentParser(description="Rebuilds the bundle's model, evaluation, golden cases and figures.")
    parser.add_argument("--version", choices=sorted(VERSIONS), default=stated and stated[1])
    parser.add_argument("--out", type=Path, help="directory to write to (default: the bundle itself)")
    options = parser.parse_args()
    out = options.out or bundle
    golden = out / "golden" if options.out else bundle.parents[2] / "golden" / "search-ranker" / options.version

    train, test = data_of(SEED)
    boosters = {name: fit(name, train) for name in dict.fromkeys([options.version, BASELINE])}
    booster = boosters[options.version]
    metrics = rounded(evaluation(options.version, boosters, test))

    (out / "evaluation").mkdir(parents=True, exist_ok=True)
    (out / "model.onnx").write_bytes(to_onnx(booster, f"search-ranker-{options.version}", len(FEATURES)).SerializeToString(deterministic=True))
    write_cases(out / "evaluation" / "cases.jsonl", test)
    (out / "evaluation" / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    (out / "baseline.json").write_text(json.dumps(reference_distributions(booster, train), indent=1) + "\n")
    write_golden(golden, booster, [rows_of(test, CASE_QUERIES + query) for query in range(6)])
    write_readme(bundle / "README.md", out / "README.md", metrics)
    print(json.dumps(metrics["full"], indent=2))


if __name__ == "__main__":
    main()
