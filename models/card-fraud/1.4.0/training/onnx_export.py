"""Exports both models by hand to ONNX (IR 8, opset 17, ai.onnx.ml 3): input `features` [N, 17], output `fraud_probability` [N, 1]. Byte-stable."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def model_of(nodes, constants, width):
    """Wraps nodes into a checked model with a symbolic batch dimension N."""
    graph = helper.make_graph(
        nodes, 'card-fraud',
        [helper.make_tensor_value_info('features', TensorProto.FLOAT, ['N', width])],
        [helper.make_tensor_value_info('fraud_probability', TensorProto.FLOAT, ['N', 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()])
    model = helper.make_model(
        graph, producer_name='card-fraud', ir_version=8,
        opset_imports=[helper.make_opsetid('', 17), helper.make_opsetid('ai.onnx.ml', 3)])
    onnx.checker.check_model(model)
    return model


def export_logistic(mean, scale, weights, bias):
    """sigmoid(((features - mean) / scale) @ weights + bias)."""
    constants = {
        'mean': mean.astype(np.float32)[None, :], 'scale': scale.astype(np.float32)[None, :],
        'weights': weights.astype(np.float32)[:, None], 'bias': np.array([bias], np.float32)}
    nodes = [
        helper.make_node('Sub', ['features', 'mean'], ['centred']),
        helper.make_node('Div', ['centred', 'scale'], ['scaled']),
        helper.make_node('Gemm', ['scaled', 'weights', 'bias'], ['logit']),
        helper.make_node('Sigmoid', ['logit'], ['fraud_probability'])]
    return model_of(nodes, constants, mean.size)


def floor32(threshold):
    """The largest float32 that is not above the float64 threshold: x <= t then decides the same for every float32 x."""
    rounded = np.float32(threshold)
    return float(np.nextafter(rounded, np.float32(-np.inf)) if float(rounded) > threshold else rounded)


def flatten(tree, tree_id, nodes, leaves):
    """Appends one LightGBM tree in depth-first order."""
    next_id = [0]

    def visit(node):
        node_id = next_id[0]
        next_id[0] += 1
        split = 'split_feature' in node
        assert not split or node['decision_type'] == '<='
        nodes.append({
            'treeids': tree_id, 'nodeids': node_id, 'modes': 'BRANCH_LEQ' if split else 'LEAF',
            'featureids': node['split_feature'] if split else 0, 'values': floor32(node['threshold']) if split else 0.0,
            'missing_value_tracks_true': int(node['default_left']) if split else 0, 'truenodeids': 0, 'falsenodeids': 0, 'hitrates': 1.0})
        entry = nodes[-1]
        if split:
            entry['truenodeids'] = visit(node['left_child'])
            entry['falsenodeids'] = visit(node['right_child'])
        else:
            leaves.append({'treeids': tree_id, 'nodeids': node_id, 'ids': 0, 'weights': node['leaf_value']})
        return node_id

    visit(tree['tree_structure'])


def export_trees(booster):
    """sigmoid(sum of the leaves). Only numerical <= splits."""
    dump, nodes, leaves = booster.dump_model(), [], []
    for tree_id, tree in enumerate(dump['tree_info']):
        flatten(tree, tree_id, nodes, leaves)
    attributes = {f'nodes_{key}': [node[key] for node in nodes] for key in nodes[0]}
    attributes |= {f'target_{key}': [leaf[key] for leaf in leaves] for key in leaves[0]}
    ensemble = helper.make_node(
        'TreeEnsembleRegressor', ['features'], ['logit'], domain='ai.onnx.ml',
        aggregate_function='SUM', post_transform='NONE', n_targets=1, **attributes)
    return model_of([ensemble, helper.make_node('Sigmoid', ['logit'], ['fraud_probability'])], {}, dump['max_feature_idx'] + 1)
