"""An ONNX graph in MLServer, with faults that a file beside it switches on: `slow`, `raise`, `nan`."""
import asyncio
import os

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

onnxruntime.set_default_logger_severity(4)


class OnnxModel(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(self.settings.parameters.uri, options)
        self._names = [output.name for output in self._session.get_outputs()]
        self._fault_file = os.path.join(os.path.dirname(self.settings.parameters.uri), "fault")
        return True

    def _fault(self):
        try:
            with open(self._fault_file) as file:
                return file.read().strip()
        except FileNotFoundError:
            return ""

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        fault = self._fault()
        if fault == "slow":
            await asyncio.sleep(30)
        if fault == "raise":
            raise RuntimeError("the model is broken")
        feeds = {tensor.name: NumpyCodec.decode_input(tensor) for tensor in payload.inputs}
        results = self._session.run(self._names, feeds)
        if fault == "nan":
            results = [np.full_like(result, np.nan) for result in results]
        outputs = [NumpyCodec.encode_output(name, result) for name, result in zip(self._names, results)]
        return InferenceResponse(id=payload.id, model_name=self.name, model_version=self.version, outputs=outputs)
