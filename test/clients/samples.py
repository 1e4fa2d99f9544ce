"""Two rows of three values in every datatype of the protocol, and the row that the card-fraud model is asked."""
import numpy as np

TYPES = {
    "BOOL": np.array([[True, False, True], [False, False, True]]),
    "UINT8": np.array([[0, 1, 2], [3, 4, 255]], dtype=np.uint8),
    "UINT16": np.array([[0, 1, 2], [3, 4, 65535]], dtype=np.uint16),
    "UINT32": np.array([[0, 1, 2], [3, 4, 2**32 - 1]], dtype=np.uint32),
    "UINT64": np.array([[0, 1, 2], [3, 4, 2**53 - 1]], dtype=np.uint64),
    "INT8": np.array([[0, 1, 2], [3, 127, -128]], dtype=np.int8),
    "INT16": np.array([[0, 1, 2], [3, 4, -32768]], dtype=np.int16),
    "INT32": np.array([[0, 1, 2], [3, 4, -(2**31)]], dtype=np.int32),
    "INT64": np.array([[0, 1, 2], [3, 4, -(2**53 - 1)]], dtype=np.int64),
    "FP16": np.array([[0, 0.5, 2], [3, 4, 65504]], dtype=np.float16),
    "FP32": np.array([[0, 0.1, 2], [3, 4, 3.4028235e38]], dtype=np.float32),
    "FP64": np.array([[0, 0.1, 2], [3, 4, 1e300]], dtype=np.float64),
    "BYTES": np.array([["", "a", "é"], ["two words", "x" * 300, "日本"]], dtype=np.object_),
}
# Beyond 2^53 a number survives as binary data only.
WIDE = {
    "UINT64": np.array([[0, 1, 2], [3, 4, 2**64 - 1]], dtype=np.uint64),
    "INT64": np.array([[0, 1, 2], [3, 4, -(2**63)]], dtype=np.int64),
}


def same(datatype, got, sent):
    if datatype == "BYTES":
        texts = [v.decode() if isinstance(v, bytes) else v for v in np.asarray(got, dtype=np.object_).reshape(-1)]
        assert texts == list(sent.reshape(-1)), f"{datatype}: {texts}"
    else:
        assert np.array_equal(np.asarray(got).reshape(sent.shape), sent), f"{datatype}: {got}"
