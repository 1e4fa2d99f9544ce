"""Writes a LightGBM booster as ONNX: one TreeEnsembleRegressor and a Sigmoid, byte for byte the same for the same booster."""
import lightgbm as lgb
import numpy as np
import onnx
from onnx import TensorProto, helper

# ONNX Runtime 1.30 refuses the newer intermediate representation that the onnx package writes by default.
IR_VERSION = 8
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]


def floor32(threshold: float) -> np.float32:
    """The largest float32 <= `threshold`: `x <= threshold` then has the same answer for every float32 x."""
    single = np.float32(threshold)
    return np.nextafter(single, np.float32(-np.inf)) if float(single) > threshold else single


def preorder(node: dict) -> list[dict]:
    """A tree's nodes, parents first. The index in this list is the node's id."""
    if "leaf_value" in node and "left_child" not in node:
        return [node]
    return [node, *preorder(node["left_child"]), *preorder(node["right_child"])]


def tree_attributes(booster: lgb.Booster) -> dict:
    """The attributes of TreeEnsembleRegressor. Refuses splits other than numerical `<=` without missing values."""
    keys = ["treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids", "missing_value_tracks_true", "hitrates"]
    nodes: dict[str, list] = {key: [] for key in keys}
    target: dict[str, list] = {"treeids": [], "nodeids": [], "ids": [], "weights": []}
    for tree, info in enumerate(booster.dump_model()["tree_info"]):
        ordered = preorder(info["tree_structure"])
        number = {id(node): index for index, node in enumerate(ordered)}
        for index, node in enumerate(ordered):
            leaf = "left_child" not in node
            if not leaf and (node["decision_type"] != "<=" or node["missing_type"] != "None"):
                raise ValueError(f"tree {tree}: got {node['decision_type']} with missing type {node['missing_type']}, expected <= with None")
            row = (
                [tree, index, 0, 0.0, "LEAF", 0, 0, 0, 1.0]
                if leaf
                else [tree, index, node["split_feature"], float(floor32(node["threshold"])), "BRANCH_LEQ",
                      number[id(node["left_child"])], number[id(node["right_child"])], int(node["default_left"]), 1.0]
            )
            for key, value in zip(keys, row, strict=True):
                nodes[key].append(value)
            if leaf:
                for key, value in zip(target, [tree, index, 0, node["leaf_value"]], strict=True):
                    target[key].append(value)
    return {f"nodes_{key}": value for key, value in nodes.items()} | {f"target_{key}": value for key, value in target.items()}


def to_onnx(booster: lgb.Booster, name: str, feature_count: int) -> onnx.ModelProto:
    """`features` float32 [N, feature_count] in, `score` float32 [N, 1] in (0, 1) out."""
    trees = helper.make_node(
        "TreeEnsembleRegressor", ["features"], ["raw_score"], name="trees", domain="ai.onnx.ml",
        n_targets=1, aggregate_function="SUM", post_transform="NONE", **tree_attributes(booster),
    )
    graph = helper.make_graph(
        [trees, helper.make_node("Sigmoid", ["raw_score"], ["score"], name="sigmoid")],
        name,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", feature_count])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1])],
    )
    model = helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION, producer_name="search-ranker")
    onnx.checker.check_model(model, full_check=True)
    return model
