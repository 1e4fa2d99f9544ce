"""A forward pass in numpy on the published weights, written apart from the graph: no folding, no ONNX, float64.

It gives the golden cases' expected values, so a wrong fold, padding or skip in the exported graph shows.
"""
import numpy as np

# stride of the first block of each stage; kernels and channels come from the shapes of the weights
STRIDES = [1, 2, 2, 2, 1, 2, 1]
EPSILON = 1e-3


def _normalised(values, weights, name):
    shape = (1, -1, 1, 1)
    mean, variance, gain, shift = (weights[f'{name}.{part}'].astype(np.float64).reshape(shape) for part in ('running_mean', 'running_var', 'weight', 'bias'))
    return (values - mean) / np.sqrt(variance + EPSILON) * gain + shift


def _relu6(values):
    return np.minimum(np.maximum(values, 0), 6)


def _padded(values, kernel, stride):
    """TensorFlow's SAME padding, from its definition: the output has ceil(side / stride) positions."""
    side = values.shape[2]
    positions = -(-side // stride)
    total = max(0, (positions - 1) * stride + kernel - side)
    first = total // 2
    return np.pad(values, ((0, 0), (0, 0), (first, total - first), (first, total - first))), positions


def _pointwise(values, kernel):
    return np.einsum('oi,nihw->nohw', kernel[:, :, 0, 0].astype(np.float64), values, optimize=True)


def _windows(values, kernel, stride):
    padded, positions = _padded(values, kernel, stride)
    span = (positions - 1) * stride + 1
    for row in range(kernel):
        for column in range(kernel):
            yield row, column, padded[:, :, row:row + span:stride, column:column + span:stride]


def _depthwise(values, kernel, stride):
    return sum(window * kernel[:, 0, row, column].astype(np.float64)[None, :, None, None]
               for row, column, window in _windows(values, kernel.shape[2], stride))


def _full(values, kernel, stride):
    return sum(np.einsum('oi,nihw->nohw', kernel[:, :, row, column].astype(np.float64), window, optimize=True)
               for row, column, window in _windows(values, kernel.shape[2], stride))


def _block_strides(weights):
    """Stride of each block: a stage begins where the project width changes, or at the first block."""
    widths, index = [], 0
    while f'_blocks.{index}._project_conv.weight' in weights:
        widths.append(weights[f'_blocks.{index}._project_conv.weight'].shape[0])
        index += 1
    stages = iter(STRIDES)
    return [next(stages) if number == 0 or width != widths[number - 1] else 1 for number, width in enumerate(widths)]


def _block(values, weights, name, stride):
    inner = values
    if f'{name}._expand_conv.weight' in weights:
        inner = _relu6(_normalised(_pointwise(inner, weights[f'{name}._expand_conv.weight']), weights, f'{name}._bn0'))
    inner = _relu6(_normalised(_depthwise(inner, weights[f'{name}._depthwise_conv.weight'], stride), weights, f'{name}._bn1'))
    inner = _normalised(_pointwise(inner, weights[f'{name}._project_conv.weight']), weights, f'{name}._bn2')
    return inner + values if stride == 1 and inner.shape == values.shape else inner


def probabilities(weights, images):
    """[rows, 1000] float64 for images [rows, 3, S, S]."""
    values = _relu6(_normalised(_full(images.astype(np.float64), weights['_conv_stem.weight'], 2), weights, '_bn0'))
    for index, stride in enumerate(_block_strides(weights)):
        values = _block(values, weights, f'_blocks.{index}', stride)
    values = _relu6(_normalised(_pointwise(values, weights['_conv_head.weight']), weights, '_bn1'))
    logits = values.mean(axis=(2, 3)) @ weights['_fc.weight'].astype(np.float64).T + weights['_fc.bias'].astype(np.float64)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
