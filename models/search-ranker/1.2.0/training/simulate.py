"""Simulated search queries: documents, their features, and graded relevance. No real traffic is in this data.

Every number comes from one seeded generator, so a seed is a data set.
"""
from dataclasses import dataclass

import numpy as np

DOCUMENTS_PER_QUERY = 20

# Column order of the input tensor, with the number of decimals in which the value is stored.
DECIMALS = {
    "bm25_title": 3,
    "bm25_body": 3,
    "term_coverage": 4,
    "semantic_similarity": 4,
    "ctr_7d": 5,
    "rating_mean": 2,
    "return_rate_90d": 4,
    "seller_score": 1,
    "document_age": 0,
    "update_age": 1,
    "price": 2,
    "relative_price": 3,
    "query_length": 0,
    "query_count_7d": 0,
    "purchase_intent": 3,
    "image_count": 0,
    "title_length": 0,
    "description_length": 0,
}
FEATURES = list(DECIMALS)
COLUMN = {name: index for index, name in enumerate(FEATURES)}

# What stands in for null, as in the contract: no rating yet is told apart, no price reference counts as the median price.
IMPUTE = {"rating_mean": -1.0, "relative_price": 1.0}

# Shares of the grades 0 to 4 among the documents.
GRADE_SHARES = np.array([0.571, 0.221, 0.108, 0.062, 0.038])


@dataclass(frozen=True)
class Queries:
    """`features` [rows, 18] with NaN for null, `grades` [rows] 0-4; each query has DOCUMENTS_PER_QUERY rows in a row."""

    query_ids: list[str]
    doc_ids: list[str]
    features: np.ndarray
    grades: np.ndarray

    @property
    def count(self) -> int:
        """Number of queries."""
        return len(self.grades) // DOCUMENTS_PER_QUERY

    def part(self, start: int, stop: int) -> "Queries":
        """The queries from `start` to before `stop`."""
        rows = slice(start * DOCUMENTS_PER_QUERY, stop * DOCUMENTS_PER_QUERY)
        return Queries(self.query_ids[rows], self.doc_ids[rows], self.features[rows], self.grades[rows])

    def matrix(self) -> np.ndarray:
        """What the model sees: nulls imputed, rounded to float32 (held as float64, as the trainer reads it)."""
        filled = self.features.copy()
        for name, value in IMPUTE.items():
            column = filled[:, COLUMN[name]]
            column[np.isnan(column)] = value
        return filled.astype(np.float32).astype(np.float64)


def logistic(x: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x) in double precision."""
    return 1.0 / (1.0 + np.exp(-x))


def simulate(query_count: int, seed: int) -> Queries:
    """Draws `query_count` queries of DOCUMENTS_PER_QUERY documents each.

    A hidden utility decides the grade. It depends on how well the text matches, on quality, and on two things that
    depend on the query: a low price counts when the searcher wants to buy, a fresh document when not.
    """
    rng = np.random.default_rng(seed)
    rows = query_count * DOCUMENTS_PER_QUERY
    per_query = lambda values: np.repeat(values, DOCUMENTS_PER_QUERY)
    noise = lambda sd: rng.normal(0.0, sd, rows)

    intent = per_query(rng.beta(1.2, 1.2, query_count))
    length = per_query(np.minimum(1 + rng.poisson(2.2, query_count), 32))
    frequency = per_query(np.minimum(np.floor(np.exp(rng.normal(5.0, 1.8, query_count))), 10_000_000))
    match, quality = noise(1.0), noise(1.0)
    freshness, cheapness = noise(1.0), noise(1.0)

    value = {
        "bm25_title": np.clip(12.0 + 4.5 * match + noise(2.8), 0, 60),
        "bm25_body": np.clip(20.0 + 5.5 * match + noise(5.5), 0, 80),
        "term_coverage": logistic(0.4 + 0.9 * match + noise(0.8)),
        "semantic_similarity": np.clip(0.45 + 0.15 * match + noise(0.08), -1, 1),
        "ctr_7d": logistic(-2.7 + 0.55 * quality + 0.30 * match + noise(0.30)),
        "rating_mean": np.clip(3.9 + 0.5 * quality + noise(0.3), 1, 5),
        "return_rate_90d": logistic(-2.4 - 0.6 * quality + noise(0.4)),
        "seller_score": np.clip(75 + 8 * quality + noise(8.0), 0, 100),
        "document_age": np.clip(np.exp(4.6 - 1.1 * freshness + noise(0.3)), 0, 3650),
        "update_age": np.clip(np.exp(3.6 - 0.8 * freshness + noise(0.8)), 0, 8760),
        "price": np.clip(np.exp(3.4 - 0.3 * cheapness + noise(0.8)), 0.01, 100_000),
        "relative_price": np.clip(np.exp(-0.45 * cheapness + noise(0.1)), 0.01, 100),
        "query_length": length,
        "query_count_7d": frequency,
        "purchase_intent": intent,
        "image_count": np.minimum(rng.poisson(4.0, rows), 50),
        "title_length": np.clip(60 + noise(18.0), 3, 250),
        "description_length": np.clip(np.exp(6.3 + noise(0.8)), 0, 20_000),
    }
    features = np.column_stack([np.round(value[name], decimals) for name, decimals in DECIMALS.items()])
    features[rng.random(rows) < 0.12, COLUMN["rating_mean"]] = np.nan
    features[rng.random(rows) < 0.05, COLUMN["relative_price"]] = np.nan

    utility = match + 0.8 * quality + 0.35 * match * quality + 0.9 * intent * cheapness + 0.7 * (1 - intent) * freshness + noise(0.6)
    limits = np.quantile(utility, np.cumsum(GRADE_SHARES)[:-1])
    # The row number in the last two digits makes a document's name unique within its query.
    doc_ids = [f"d-{number:05d}{row % DOCUMENTS_PER_QUERY:02d}" for row, number in enumerate(rng.integers(0, 100_000, rows))]
    query_ids = [f"q-{query:06d}" for query in range(1, query_count + 1) for _ in range(DOCUMENTS_PER_QUERY)]
    return Queries(query_ids, doc_ids, features, np.searchsorted(limits, utility).astype(np.int64))
