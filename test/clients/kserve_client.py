"""The REST client of kserve against the gateway. Arguments: host:port, features as JSON, expected probability."""
import asyncio
import json
import sys

import httpx
import numpy as np
from checks import case, refuses_async, run
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.constants.constants import PredictorProtocol
from kserve.protocol.infer_type import RequestedOutput
from samples import TYPES, WIDE, same

base, features, expected = f"http://{sys.argv[1]}", np.array([json.loads(sys.argv[2])], dtype=np.float32), float(sys.argv[3])


def card_input(binary=True, data=features):
    tensor = InferInput("features", list(data.shape), "FP32")
    tensor.set_data_from_numpy(data, binary_data=binary)
    return tensor


def request(tensors, model="card-fraud", outputs=None, **more):
    return InferRequest(model_name=model, infer_inputs=tensors, request_outputs=outputs, **more)


def output(response, name):
    return next((entry for entry in response.outputs if entry.name == name), None)


def probability(response):
    value = output(response, "fraud_probability").as_numpy()
    assert value.shape == (1, 1) and abs(value[0][0] - expected) < 1e-6, value


@case("is_server_live")
async def _(client):
    assert await client.is_server_live(base) is True


@case("is_server_ready")
async def _(client):
    assert await client.is_server_ready(base) is True


@case("is_model_ready")
async def _(client):
    assert await client.is_model_ready(base, "card-fraud") and not await client.is_model_ready(base, "nobody")


@case("infer, binary in and out (default)")
async def _(client):
    headers = {}
    response = await client.infer(base, request([card_input()], parameters={"binary_data_output": True}), model_name="card-fraud", response_headers=headers)
    probability(response)
    assert headers["content-type"] == "application/octet-stream"


@case("infer, JSON in and out")
async def _(client):
    probability(await client.infer(base, request([card_input(False)]), model_name="card-fraud"))
    body = {"inputs": [{"name": "features", "shape": [1, 17], "datatype": "FP32", "data": features.tolist()}]}
    probability(await client.infer(base, body, model_name="card-fraud"))


@case("infer, requested outputs")
async def _(client):
    outputs = [RequestedOutput("fraud_probability", parameters={"binary_data": True}), RequestedOutput("flagged")]
    response = await client.infer(base, request([card_input()], outputs=outputs), model_name="card-fraud")
    probability(response)
    assert [entry.name for entry in response.outputs] == ["fraud_probability", "flagged"]


@case("infer, version, request id, headers, query, parameters, timeout")
async def _(client):
    response = await client.infer(base, request([card_input()], request_id="mine", parameters={"routing_key": "k", "timeout": 2000000}), model_name="card-fraud", headers={"x-routing-key": "k"}, timeout=5)
    assert response.id == "mine" and response.model_name == "card-fraud"


@case("async_infer")
async def _(client):
    for response in await asyncio.gather(*[client.infer(base, request([card_input()]), model_name="card-fraud") for _ in range(8)]):
        probability(response)


async def echo(client, values, binary):
    tensors = []
    for datatype, value in values.items():
        tensor = InferInput(f"in_{datatype}", list(value.shape), datatype)
        tensor.set_data_from_numpy(value, binary_data=binary or datatype == "FP16")
        tensors.append(tensor)
    outputs = [RequestedOutput(f"out_{datatype}", parameters={"binary_data": binary or datatype == "FP16"}) for datatype in values]
    response = await client.infer(base, request(tensors, model="echo", outputs=outputs), model_name="echo")
    for datatype, value in values.items():
        same(datatype, output(response, f"out_{datatype}").as_numpy(), value)


@case("numpy round trip of every datatype, binary")
async def _(client):
    await echo(client, {**TYPES, **WIDE}, True)


@case("numpy round trip of every datatype, JSON")
async def _(client):
    await echo(client, TYPES, False)


@case("a wrong shape is refused")
async def _(client):
    await refuses_async(lambda: client.infer(base, request([card_input(data=features[:, :3])]), model_name="card-fraud"), httpx.HTTPStatusError, "[-1, 17]", "400")


@case("a wrong datatype is refused")
async def _(client):
    tensor = InferInput("features", [1, 17], "FP64")
    tensor.set_data_from_numpy(features.astype(np.float64))
    await refuses_async(lambda: client.infer(base, request([tensor]), model_name="card-fraud"), httpx.HTTPStatusError, "FP64", "FP32")


@case("a value out of its range is refused")
async def _(client):
    data = features.copy()
    data[0][0] = -1
    await refuses_async(lambda: client.infer(base, request([card_input(data=data)]), model_name="card-fraud"), httpx.HTTPStatusError, "amount", "-1")


@case("an unknown model, version, input and output are refused")
async def _(client):
    await refuses_async(lambda: client.infer(base, request([card_input()]), model_name="nobody"), httpx.HTTPStatusError, "nobody", "404")
    await refuses_async(lambda: client.infer(base, request([card_input()], outputs=[RequestedOutput("x")]), model_name="card-fraud"), httpx.HTTPStatusError, '"x"')


async def main():
    client = InferenceRESTClient(RESTConfig(protocol=PredictorProtocol.REST_V2.value))
    try:
        await run(client)
    finally:
        await client.close()


asyncio.run(main())
