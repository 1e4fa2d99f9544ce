"""Runs named checks and prints each as one line of JSON: what was called, and how it came out."""
import asyncio
import inspect
import json
import traceback

CASES = []


def case(call):
    """Marks a function as the check of a documented call."""

    def add(function):
        CASES.append((call, function))
        return function

    return add


def report(call, error):
    print(json.dumps({"call": call, "ok": error is None, "detail": error or ""}), flush=True)


async def run(*args):
    for call, function in CASES:
        try:
            result = function(*args)
            if inspect.isawaitable(result):
                await result
            report(call, None)
        except BaseException:
            report(call, traceback.format_exc(limit=3))


def run_all(*args):
    asyncio.run(run(*args))


def refuses(action, exception, *words):
    """The action must raise the client's own exception, with these words of the gateway in its text."""
    try:
        action()
    except exception as error:
        text = str(error)
        for word in words:
            assert word in text, f"{word!r} is not in {text!r}"
        return
    raise AssertionError("nothing was raised")


async def refuses_async(action, exception, *words):
    try:
        await action()
    except exception as error:
        text = str(error)
        for word in words:
            assert word in text, f"{word!r} is not in {text!r}"
        return
    raise AssertionError("nothing was raised")
