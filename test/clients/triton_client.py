"""tritonclient[http], its synchronous client, against the gateway. Arguments: host:port, features as JSON, expected probability."""
import json
import sys

import numpy as np
import tritonclient.http as http
from checks import case, refuses, run_all
from samples import TYPES, WIDE, same
from tritonclient.utils import InferenceServerException

url, features, expected = sys.argv[1], np.array([json.loads(sys.argv[2])], dtype=np.float32), float(sys.argv[3])
client = http.InferenceServerClient(url=url, concurrency=4)


def card_input(binary=True, data=features):
    tensor = http.InferInput("features", list(data.shape), "FP32")
    tensor.set_data_from_numpy(data, binary_data=binary)
    return tensor


def probability(result):
    value = result.as_numpy("fraud_probability")
    assert value.shape == (1, 1) and abs(value[0][0] - expected) < 1e-6, value


@case("is_server_live")
def _():
    assert client.is_server_live()


@case("is_server_ready")
def _():
    assert client.is_server_ready()


@case("is_model_ready")
def _():
    assert client.is_model_ready("card-fraud") and client.is_model_ready("card-fraud", "2.0.0") and not client.is_model_ready("nobody")


@case("get_server_metadata")
def _():
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]


@case("get_model_metadata")
def _():
    metadata = client.get_model_metadata("card-fraud", "1.4.0")
    assert metadata["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 17]}], metadata


@case("infer, binary in and out (default)")
def _():
    result = client.infer("card-fraud", [card_input()])
    probability(result)
    assert result.get_response()["parameters"]["prediction_id"]


@case("infer, JSON in and out")
def _():
    outputs = [http.InferRequestedOutput("fraud_probability", binary_data=False), http.InferRequestedOutput("flagged", binary_data=False)]
    result = client.infer("card-fraud", [card_input(False)], outputs=outputs)
    probability(result)
    assert result.as_numpy("flagged").tolist() == [False]


@case("infer, requested outputs")
def _():
    result = client.infer("card-fraud", [card_input()], outputs=[http.InferRequestedOutput("flagged", binary_data=True)])
    assert result.as_numpy("fraud_probability") is None and result.as_numpy("flagged").dtype == np.bool_


@case("infer, version, request id, headers, query, parameters, timeout")
def _():
    result = client.infer(
        "card-fraud", [card_input()], model_version="1.4.0", request_id="mine", headers={"x-routing-key": "k"},
        query_params={"a": "b"}, parameters={"routing_key": "k"}, timeout=2_000_000, priority=1,
    )
    assert result.get_response()["id"] == "mine" and result.get_response()["model_version"] == "1.4.0"
    probability(result)


@case("infer, compressed request and response")
def _():
    for algorithm in ("gzip", "deflate"):
        probability(client.infer("card-fraud", [card_input()], request_compression_algorithm=algorithm, response_compression_algorithm=algorithm))


@case("async_infer")
def _():
    calls = [client.async_infer("card-fraud", [card_input()]) for _ in range(8)]
    for call in calls:
        probability(call.get_result())


@case("generate_request_body and parse_response_body")
def _():
    body, size = http.InferenceServerClient.generate_request_body([card_input()])
    import urllib.request

    request = urllib.request.Request(f"http://{url}/v2/models/card-fraud/infer", data=body, headers={"Inference-Header-Content-Length": str(size)})
    with urllib.request.urlopen(request) as answer:
        length = answer.headers["Inference-Header-Content-Length"]
        probability(http.InferenceServerClient.parse_response_body(answer.read(), header_length=int(length)))


def echo(values, binary):
    inputs = []
    for datatype, value in values.items():
        tensor = http.InferInput(f"in_{datatype}", list(value.shape), datatype)
        # The client itself refuses FP16 as JSON.
        tensor.set_data_from_numpy(value, binary_data=binary or datatype == "FP16")
        inputs.append(tensor)
    outputs = [http.InferRequestedOutput(f"out_{datatype}", binary_data=binary or datatype == "FP16") for datatype in values]
    result = client.infer("echo", inputs, outputs=outputs)
    for datatype, value in values.items():
        same(datatype, result.as_numpy(f"out_{datatype}"), value)


@case("numpy round trip of every datatype, binary")
def _():
    echo({**TYPES, **WIDE}, True)


@case("numpy round trip of every datatype, JSON")
def _():
    echo(TYPES, False)


@case("an image as bytes")
def _():
    import base64

    image = np.array([base64.b64decode(open(sys.argv[4]).read())], dtype=np.object_)
    tensor = http.InferInput("images", [1], "BYTES")
    tensor.set_data_from_numpy(image)
    result = client.infer("photo-classifier", [tensor])
    assert result.as_numpy("probabilities").shape == (1, 1000) and len(json.loads(result.as_numpy("top")[0])) == 3


@case("a wrong shape is refused")
def _():
    refuses(lambda: client.infer("card-fraud", [card_input(data=features[:, :3])]), InferenceServerException, "[1, 3]", "[-1, 17]")


@case("a wrong datatype is refused")
def _():
    tensor = http.InferInput("features", [1, 17], "FP64")
    tensor.set_data_from_numpy(features.astype(np.float64))
    refuses(lambda: client.infer("card-fraud", [tensor]), InferenceServerException, "FP64", "FP32")


@case("a value out of its range is refused")
def _():
    data = features.copy()
    data[0][0] = -1
    refuses(lambda: client.infer("card-fraud", [card_input(data=data)]), InferenceServerException, "amount", "-1")


@case("an unknown model, version, input and output are refused")
def _():
    refuses(lambda: client.infer("nobody", [card_input()]), InferenceServerException, "nobody")
    refuses(lambda: client.infer("card-fraud", [card_input()], model_version="9"), InferenceServerException, "9.0.0")
    refuses(lambda: client.infer("card-fraud", [http.InferInput("x", [1, 1], "FP32").set_data_from_numpy(np.zeros((1, 1), np.float32))]), InferenceServerException, '"x"')
    refuses(lambda: client.infer("card-fraud", [card_input()], outputs=[http.InferRequestedOutput("x")]), InferenceServerException, '"x"')


@case("sequences and classification are refused as not supported")
def _():
    refuses(lambda: client.infer("card-fraud", [card_input()], sequence_id=1, sequence_start=True), InferenceServerException, "not supported")
    refuses(lambda: client.infer("card-fraud", [card_input()], outputs=[http.InferRequestedOutput("fraud_probability", class_count=2)]), InferenceServerException, "not supported")


@case("calls of Triton's own (config, statistics, repository, shared memory) are refused in its words")
def _():
    for call in (
        lambda: client.get_model_config("card-fraud"),
        lambda: client.get_inference_statistics("card-fraud"),
        lambda: client.get_model_repository_index(),
        lambda: client.load_model("card-fraud"),
        lambda: client.get_system_shared_memory_status(),
    ):
        refuses(call, InferenceServerException, "There is nothing at")


run_all()
