"""NDCG@10 and its intervals."""
import numpy as np

from simulate import DOCUMENTS_PER_QUERY

TOP = 10
SAMPLES = 2000


def ndcg(scores: np.ndarray, grades: np.ndarray) -> np.ndarray:
    """NDCG@10 of each query, in [0, 1]. Equal scores stay in input order. A query without a relevant document counts 1.

    Scores are rounded to float32 first, as a client reads them: that is where ties appear.
    """
    by_query = scores.astype(np.float32).reshape(-1, DOCUMENTS_PER_QUERY)
    gains = 2.0 ** grades.reshape(-1, DOCUMENTS_PER_QUERY) - 1.0
    discounts = 1.0 / np.log2(np.arange(2, TOP + 2))
    order = np.argsort(-by_query, axis=1, kind="stable")[:, :TOP]
    reached = (np.take_along_axis(gains, order, axis=1) * discounts).sum(axis=1)
    ideal = (-np.sort(-gains, axis=1)[:, :TOP] * discounts).sum(axis=1)
    return np.where(ideal > 0, reached / np.where(ideal > 0, ideal, 1.0), 1.0)


def interval(samples: np.ndarray) -> list[float]:
    """The middle 95 % of bootstrap samples."""
    return np.quantile(samples, [0.025, 0.975]).tolist()


def drawn(count: int, seed: int) -> np.ndarray:
    """Query numbers [SAMPLES, count], drawn with replacement: the query is the unit, its documents stay together."""
    return np.random.default_rng(seed).integers(0, count, (SAMPLES, count))


def bootstrap(per_query: np.ndarray, seed: int) -> list[float]:
    """95 % interval of a mean over queries."""
    return interval(per_query[drawn(len(per_query), seed)].mean(axis=1))


def paired_gain(own: np.ndarray, reference: np.ndarray, seed: int) -> list[float]:
    """95 % interval of mean(own) / mean(reference) - 1; both are read on the same drawn queries."""
    queries = drawn(len(own), seed)
    return interval(own[queries].mean(axis=1) / reference[queries].mean(axis=1) - 1)
