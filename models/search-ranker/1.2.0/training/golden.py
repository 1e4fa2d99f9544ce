"""Golden requests: held-out queries, and the inputs on which a wrong export or wrong pre-processing shows."""
import lightgbm as lgb
import numpy as np

from export import floor32
from simulate import DECIMALS, FEATURES, IMPUTE

# The contract's bounds.
MINIMUM = {name: 0 for name in FEATURES} | {"semantic_similarity": -1, "rating_mean": 1, "price": 0.01, "relative_price": 0.01, "query_length": 1, "title_length": 1}
MAXIMUM = {
    "bm25_title": 60, "bm25_body": 80, "term_coverage": 1, "semantic_similarity": 1, "ctr_7d": 1, "rating_mean": 5, "return_rate_90d": 1, "seller_score": 100,
    "document_age": 3650, "update_age": 8760, "price": 100_000, "relative_price": 100, "query_length": 32, "query_count_7d": 10_000_000, "purchase_intent": 1,
    "image_count": 50, "title_length": 250, "description_length": 20_000,
}
HELD_OUT = "Simulated held-out query, seed 42, not in evaluation/cases.jsonl. "
EXPECTED = "Expected: training/train.py, the LightGBM booster on float32-rounded inputs, then the logistic function in double precision."


def matrix_of(rows: list[dict]) -> np.ndarray:
    """Request rows as the model sees them, in the contract's units, nulls imputed, rounded to float32."""
    filled = [[IMPUTE[name] if row.get(name) is None else row[name] for name in FEATURES] for row in rows]
    return np.array(filled, dtype=np.float64).astype(np.float32).astype(np.float64)


def renamed(row: dict, doc_id: str, **changes: float) -> dict:
    """A copy of a row under another document id, with some features changed."""
    return {**row, "doc_id": doc_id, **changes}


def tied(query: list[dict]) -> list[dict]:
    """A document, its twin, another document and its twin, and one that differs only in columns that 1.2.0 does not use."""
    first, second = query[0], query[1]
    third = renamed(first, "d-unused-differ", image_count=0, title_length=20, seller_score=1, purchase_intent=0)
    return [renamed(first, "d-twin-b"), second, renamed(first, "d-twin-a"), renamed(second, "d-second-twin"), first, third]


def extreme(query: list[dict]) -> list[dict]:
    """All features at their lower bound, all at their upper bound, alternating, and one feature at a time at its bounds."""
    row = query[0]
    sides = [MINIMUM, MAXIMUM]
    alternating = [{name: sides[(index + start) % 2][name] for index, name in enumerate(FEATURES)} for start in (0, 1)]
    rows = [renamed(row, f"d-extreme-{index}", **values) for index, values in enumerate([MINIMUM, MAXIMUM, *alternating])]
    singles = [renamed(row, f"d-{name}-{side}", **{name: bounds[name]}) for name in ("ctr_7d", "bm25_title", "document_age") for side, bounds in (("low", MINIMUM), ("high", MAXIMUM))]
    return rows + singles


def splits_of(node: dict) -> set[tuple[str, float]]:
    """Every (feature, float64 threshold) of a tree."""
    if "left_child" not in node:
        return set()
    return {(FEATURES[node["split_feature"]], node["threshold"])} | splits_of(node["left_child"]) | splits_of(node["right_child"])


def on_thresholds(booster: lgb.Booster, query: list[dict]) -> list[dict]:
    """Documents with one value on a split threshold, in pairs: the largest float32 not above it, and the next float32.

    Only thresholds that a plain cast to float32 rounds up: there an export that casts sends the second document of a
    pair down the wrong branch. Of all pairs those are kept whose two scores differ most.
    """
    splits = sorted(set().union(*(splits_of(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"])))
    pairs = []
    for name, threshold in splits:
        below = floor32(threshold)
        if DECIMALS[name] > 0 and threshold >= MINIMUM[name] and np.float32(threshold) > below:
            above = np.nextafter(below, np.float32(np.inf))
            pairs += [({**row, name: float(below)}, {**row, name: float(above)}, name) for row in query]
    low, high = (booster.predict(matrix_of([pair[side] for pair in pairs]), raw_score=True) for side in (0, 1))
    widest = np.argsort(-np.abs(low - high), kind="stable")[:8]
    return [
        renamed(pairs[pair][side], f"d-split-{rank}-{'at' if side == 0 else 'above'}")
        for rank, pair in enumerate(widest.tolist()) for side in (0, 1)
    ]


def in_other_units(query: list[dict]) -> tuple[list[dict], list[dict]]:
    """The same documents twice: in units that the contract accepts, and in the contract's own."""
    plain = [{**row, "price": 42.5, "update_age": 36, "document_age": 3} for row in query[:3]]
    other = [{"price": {"value": 4250, "unit": "cent"}}, {"update_age": {"value": 1.5, "unit": "d"}}, {"document_age": {"value": 72, "unit": "h"}}]
    return [{**row, **changes} for row, changes in zip(plain, other, strict=True)], plain


def golden_cases(booster: lgb.Booster, queries: list[list[dict]]) -> dict[str, dict]:
    """File name without ending -> `inputs` (request rows), `matrix` (what the model sees), `source`. Takes six held-out queries."""
    nulls = [
        {**queries[2][0], "rating_mean": None},
        {name: value for name, value in queries[2][1].items() if name != "rating_mean"},
        {**queries[2][2], "relative_price": None},
        {**queries[2][3], "rating_mean": None, "relative_price": None},
        {**queries[2][4], "rating_mean": 4.2, "relative_price": 0.9},
    ]
    other_units, plain_units = in_other_units(queries[5])
    requests = {
        "01-twenty-documents": (queries[0], "One whole query."),
        "02-single-document": (queries[1][:1], "Its first document alone."),
        "03-nulls-imputed": (nulls, "rating_mean and relative_price null or absent, imputed as the contract says."),
        "04-tied-documents": (tied(queries[3]), "Documents with equal features under other ids: equal scores, rows in input order. d-unused-differ differs only in columns that 1.2.0 does not use."),
        "05-extreme-values": (extreme(queries[4]), "Features at the contract's bounds."),
        "06-on-thresholds": (on_thresholds(booster, queries[4]), "One value on a split threshold of this version, and the next float32 above."),
        "07-other-units": (other_units, "price in cent, update_age in days, document_age in hours; expected from the same values in EUR, hours and days."),
    }
    return {
        name: {"inputs": inputs, "matrix": matrix_of(plain_units if name == "07-other-units" else inputs), "source": f"{HELD_OUT}{note} {EXPECTED}"}
        for name, (inputs, note) in requests.items()
    }
