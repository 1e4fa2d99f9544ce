"""tritonclient[http], its asyncio client, against the gateway. Arguments: host:port, features as JSON, expected probability."""
import asyncio
import json
import sys

import numpy as np
import tritonclient.http.aio as http
from checks import case, refuses_async, run
from samples import TYPES, WIDE, same
from tritonclient.utils import InferenceServerException

url, features, expected = sys.argv[1], np.array([json.loads(sys.argv[2])], dtype=np.float32), float(sys.argv[3])


def card_input(binary=True, data=features):
    tensor = http.InferInput("features", list(data.shape), "FP32")
    tensor.set_data_from_numpy(data, binary_data=binary)
    return tensor


def probability(result):
    value = result.as_numpy("fraud_probability")
    assert value.shape == (1, 1) and abs(value[0][0] - expected) < 1e-6, value


@case("is_server_live")
async def _(client):
    assert await client.is_server_live()


@case("is_server_ready")
async def _(client):
    assert await client.is_server_ready()


@case("is_model_ready")
async def _(client):
    assert await client.is_model_ready("card-fraud") and not await client.is_model_ready("nobody")


@case("get_server_metadata")
async def _(client):
    assert "binary_tensor_data" in (await client.get_server_metadata())["extensions"]


@case("get_model_metadata")
async def _(client):
    assert (await client.get_model_metadata("card-fraud"))["inputs"][0]["shape"] == [-1, 17]


@case("infer, binary in and out (default)")
async def _(client):
    probability(await client.infer("card-fraud", [card_input()]))


@case("infer, JSON in and out")
async def _(client):
    outputs = [http.InferRequestedOutput("fraud_probability", binary_data=False)]
    probability(await client.infer("card-fraud", [card_input(False)], outputs=outputs))


@case("infer, requested outputs")
async def _(client):
    result = await client.infer("card-fraud", [card_input()], outputs=[http.InferRequestedOutput("flagged")])
    assert result.as_numpy("fraud_probability") is None


@case("infer, version, request id, headers, query, parameters, timeout")
async def _(client):
    result = await client.infer("card-fraud", [card_input()], model_version="1.4.0", request_id="mine", headers={"x-routing-key": "k"}, query_params={"a": "b"}, parameters={"routing_key": "k"}, timeout=2_000_000)
    assert result.get_response()["id"] == "mine"
    probability(result)


@case("infer, compressed request and response")
async def _(client):
    for algorithm in ("gzip", "deflate"):
        probability(await client.infer("card-fraud", [card_input()], request_compression_algorithm=algorithm, response_compression_algorithm=algorithm))


@case("async_infer")
async def _(client):
    for result in await asyncio.gather(*[client.infer("card-fraud", [card_input()]) for _ in range(8)]):
        probability(result)


async def echo(client, values, binary):
    inputs = []
    for datatype, value in values.items():
        tensor = http.InferInput(f"in_{datatype}", list(value.shape), datatype)
        tensor.set_data_from_numpy(value, binary_data=binary or datatype == "FP16")
        inputs.append(tensor)
    outputs = [http.InferRequestedOutput(f"out_{datatype}", binary_data=binary or datatype == "FP16") for datatype in values]
    result = await client.infer("echo", inputs, outputs=outputs)
    for datatype, value in values.items():
        same(datatype, result.as_numpy(f"out_{datatype}"), value)


@case("numpy round trip of every datatype, binary")
async def _(client):
    await echo(client, {**TYPES, **WIDE}, True)


@case("numpy round trip of every datatype, JSON")
async def _(client):
    await echo(client, TYPES, False)


@case("a wrong shape is refused")
async def _(client):
    await refuses_async(lambda: client.infer("card-fraud", [card_input(data=features[:, :3])]), InferenceServerException, "[-1, 17]")


@case("a wrong datatype is refused")
async def _(client):
    tensor = http.InferInput("features", [1, 17], "FP64")
    tensor.set_data_from_numpy(features.astype(np.float64))
    await refuses_async(lambda: client.infer("card-fraud", [tensor]), InferenceServerException, "FP64", "FP32")


@case("a value out of its range is refused")
async def _(client):
    data = features.copy()
    data[0][0] = -1
    await refuses_async(lambda: client.infer("card-fraud", [card_input(data=data)]), InferenceServerException, "amount")


@case("an unknown model, version, input and output are refused")
async def _(client):
    await refuses_async(lambda: client.infer("nobody", [card_input()]), InferenceServerException, "nobody")
    await refuses_async(lambda: client.infer("card-fraud", [card_input()], model_version="9"), InferenceServerException, "9.0.0")
    await refuses_async(lambda: client.infer("card-fraud", [card_input()], outputs=[http.InferRequestedOutput("x")]), InferenceServerException, '"x"')


@case("sequences and classification are refused as not supported")
async def _(client):
    await refuses_async(lambda: client.infer("card-fraud", [card_input()], sequence_id=1, sequence_start=True), InferenceServerException, "not supported")


@case("calls of Triton's own (config, statistics, repository, shared memory) are refused in its words")
async def _(client):
    await refuses_async(lambda: client.get_model_config("card-fraud"), InferenceServerException, "There is nothing at")
    await refuses_async(lambda: client.get_model_repository_index(), InferenceServerException, "There is nothing at")


async def main():
    async with http.InferenceServerClient(url=url) as client:
        await run(client)


asyncio.run(main())
