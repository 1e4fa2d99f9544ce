"""EfficientNet-Lite as a list of convolutions, and the ONNX graph made of it."""
import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# (repeats, kernel, stride, expansion, input channels, output channels) of the unscaled stages
STAGES = [
    (1, 3, 1, 1, 32, 16), (2, 3, 2, 6, 16, 24), (2, 5, 2, 6, 24, 40), (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112), (4, 5, 2, 6, 112, 192), (1, 3, 1, 6, 192, 320),
]
# variant -> (width factor, depth factor, input side in pixels)
SCALES = {'lite0': (1.0, 1.0, 224), 'lite2': (1.1, 1.2, 260)}
BATCH_NORM_EPSILON = 1e-3
CLASSES = 1000


def image_size(variant):
    return SCALES[variant][2]


def _channels(count, width):
    """The scaled channel count: the nearest multiple of 8 that is not more than 10 % below."""
    scaled = count * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def convolutions(variant):
    """The layers in order: dicts with weight and batch-norm names, kernel, stride, input side, groups, relu6, skip.

    `skip` is the index of the layer whose input is added to this layer's output, or None.
    Stem, head and the repeats of the first and last stage are not scaled.
    """
    width, depth, side = SCALES[variant]
    layers = []

    def add(weight, norm, kernel, stride, groups, relu6, skip=None):
        nonlocal side
        layers.append({'weight': weight, 'norm': norm, 'kernel': kernel, 'stride': stride, 'side': side,
                       'groups': groups, 'relu6': relu6, 'skip': skip})
        side = math.ceil(side / stride)

    add('_conv_stem', '_bn0', 3, 2, 1, True)
    index = 0
    for number, (repeats, kernel, stride, expansion, into, out) in enumerate(STAGES):
        fixed = number in (0, len(STAGES) - 1)
        into = into if number == 0 else _channels(into, width)
        out = _channels(out, width)
        for repeat in range(repeats if fixed else math.ceil(repeats * depth)):
            step, channels = (stride, into) if repeat == 0 else (1, out)
            block, start = f'_blocks.{index}', len(layers)
            if expansion != 1:
                add(f'{block}._expand_conv', f'{block}._bn0', 1, 1, 1, True)
            add(f'{block}._depthwise_conv', f'{block}._bn1', kernel, step, channels * expansion, True)
            add(f'{block}._project_conv', f'{block}._bn2', 1, 1, 1, False, start if step == 1 and channels == out else None)
            index += 1
    add('_conv_head', '_bn1', 1, 1, 1, True)
    return layers


def same_padding(side, kernel, stride):
    """(before, after) of TensorFlow's SAME padding: an odd pixel goes to the bottom and right."""
    total = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


def _folded(weights, layer):
    """Kernel and bias with the batch normalisation folded in (computed in float64, stored as float32)."""
    kernel, norm = weights[f"{layer['weight']}.weight"].astype(np.float64), layer['norm']
    mean, variance, gain, shift = (weights[f'{norm}.{part}'].astype(np.float64) for part in ('running_mean', 'running_var', 'weight', 'bias'))
    factor = gain / np.sqrt(variance + BATCH_NORM_EPSILON)
    return (kernel * factor[:, None, None, None]).astype(np.float32), (shift - mean * factor).astype(np.float32)


def build_model(variant, weights, description):
    """The ONNX model: `images` [N,3,S,S] float32 -> `probabilities` [N,1000] float32. Deterministic byte for byte."""
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    low, high = constant('zero', np.float32(0)), constant('six', np.float32(6))
    value, inputs = 'images', []
    for number, layer in enumerate(convolutions(variant)):
        inputs.append(value)
        kernel, bias = _folded(weights, layer)
        before, after = same_padding(layer['side'], layer['kernel'], layer['stride'])
        name = f'layer{number}'
        nodes.append(helper.make_node(
            'Conv', [value, constant(f'{name}_kernel', kernel), constant(f'{name}_bias', bias)], [f'{name}_conv'], name=f'{name}_conv',
            kernel_shape=[layer['kernel']] * 2, strides=[layer['stride']] * 2, pads=[before, before, after, after], group=layer['groups']))
        value = f'{name}_conv'
        if layer['relu6']:
            nodes.append(helper.make_node('Clip', [value, low, high], [f'{name}_relu6'], name=f'{name}_relu6'))
            value = f'{name}_relu6'
        if layer['skip'] is not None:
            nodes.append(helper.make_node('Add', [value, inputs[layer['skip']]], [f'{name}_sum'], name=f'{name}_sum'))
            value = f'{name}_sum'
    nodes += [
        helper.make_node('GlobalAveragePool', [value], ['pooled'], name='pool'),
        helper.make_node('Flatten', ['pooled'], ['features'], name='flatten', axis=1),
        helper.make_node('Gemm', ['features', constant('fc_weight', weights['_fc.weight']), constant('fc_bias', weights['_fc.bias'])],
                         ['logits'], name='fc', transB=1),
        helper.make_node('Softmax', ['logits'], ['probabilities'], name='softmax', axis=1),
    ]
    size = image_size(variant)
    graph = helper.make_graph(
        nodes, f'efficientnet-{variant}',
        [helper.make_tensor_value_info('images', TensorProto.FLOAT, ['N', 3, size, size])],
        [helper.make_tensor_value_info('probabilities', TensorProto.FLOAT, ['N', CLASSES])], constants)
    # Both versions are set: the library's defaults are newer than the runtime reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8, producer_name='export.py', doc_string=description)
    onnx.checker.check_model(model, full_check=True)
    return model
