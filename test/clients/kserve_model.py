"""Two models in KServe's own server. Argument: port. `echoed` gives the request's id back; `named` gives each answer one of its own, as KServe's examples do."""
import sys

import numpy as np
from kserve import Model, ModelServer
from kserve.protocol.infer_type import InferOutput, InferResponse
from kserve.utils.utils import generate_uuid

weights = np.array([0.5, -1.0, 0.25], dtype=np.float32)


class Scores(Model):
    def __init__(self, name, id_of):
        super().__init__(name)
        self._id_of = id_of
        self.ready = True

    async def get_input_types(self):
        return [{"name": "features", "datatype": "FP32", "shape": [-1, 3]}]

    async def get_output_types(self):
        return [{"name": "score", "datatype": "FP32", "shape": [-1, 1]}]

    def predict(self, payload, headers=None, response_headers=None):
        rows = payload.inputs[0].as_numpy()
        score = (1 / (1 + np.exp(-rows @ weights)))[:, None].astype(np.float32)
        output = InferOutput("score", list(score.shape), "FP32")
        output.set_data_from_numpy(score, binary_data=payload.use_binary_outputs)
        return InferResponse(
            self._id_of(payload), self.name, [output], use_binary_outputs=payload.use_binary_outputs, requested_outputs=payload.request_outputs
        )


models = [Scores("echoed", lambda payload: payload.id), Scores("named", lambda payload: generate_uuid())]
ModelServer(http_port=int(sys.argv[1]), enable_grpc=False, workers=1).start(models)
