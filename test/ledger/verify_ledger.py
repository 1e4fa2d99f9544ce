#!/usr/bin/env python3
"""Verifies an exported decision ledger. Written from docs/ledger-format.md alone; standard library only.

usage: verify_ledger.py EXPORT [--key FILE]... [--head SEQUENCE:HASH]

Prints one JSON object: {"verifies": true, "entries": ..., "head": ...} or
{"verifies": false, "sequence": ..., "fault": ..., "reason": ...}. Exit code 0, 1; 2 for usage.
"""

import argparse
import hashlib
import hmac
import json
import re
import sys

HASH_DOMAIN = b"handoff-ledger/1 entry\n"
MAC_DOMAIN = b"handoff-ledger/1 mac\n"
GENESIS = "0" * 64
HEX64 = "[0-9a-f]{64}"
MEMBERS = {
    "format": lambda value: is_whole(value) and value == 1,
    "sequence": lambda value: is_whole(value) and 1 <= value < 2**53,
    "at": lambda value: is_text(value, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
    "model": lambda value: is_text(value, r"(?s:.*)"),
    "rollout": lambda value: is_text(value, r"(?s:.*)"),
    "kind": lambda value: is_text(value, r"[a-z]+(-[a-z]+)*"),
    "body": lambda value: isinstance(value, dict),
    "prevHash": lambda value: is_text(value, HEX64),
    "keyId": lambda value: is_text(value, r"[0-9a-f]{16}"),
    "hash": lambda value: is_text(value, HEX64),
    "mac": lambda value: is_text(value, HEX64),
}


class Fault(Exception):
    def __init__(self, sequence, fault, reason):
        super().__init__(reason)
        self.sequence = sequence
        self.fault = fault


def is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_text(value, pattern):
    return isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None


def canonical_number(value):
    """The shortest form of a double, as ECMAScript writes it (RFC 8785, section 3.2.2.3)."""
    number = float(value)
    if number in (float("inf"), float("-inf")) or number != number:
        raise ValueError("a number that no double holds")
    if number == 0:
        return "0"
    sign = "-" if number < 0 else ""
    mantissa, _, exponent = f"{abs(number)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.DIGITS times ten to the power of point.
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = point - 1
    tail = "." + digits[1:] if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{'+' if power > 0 else '-'}{abs(power)}"


def canonical_text(value):
    value.encode("utf-8")  # half a surrogate pair has no UTF-8 form
    return json.dumps(value, ensure_ascii=False)


def canonical(value):
    """The canonical text of a JSON value (RFC 8785)."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, (int, float)):
        return canonical_number(value)
    if isinstance(value, str):
        return canonical_text(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    # Names are ordered by their UTF-16 code units.
    names = sorted(value, key=lambda name: name.encode("utf-16-be"))
    return "{" + ",".join(f"{canonical_text(name)}:{canonical(value[name])}" for name in names) + "}"


def hkdf(secret, info, length):
    """HKDF-SHA256 (RFC 5869) without salt, for up to 32 bytes."""
    extracted = hmac.new(b"\0" * 32, secret, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()[:length]


def read_key(path):
    with open(path, encoding="ascii") as file:
        text = file.read().strip()
    if not re.fullmatch(HEX64, text):
        raise ValueError(f"{path}: expected 64 hexadecimal digits")
    secret = bytes.fromhex(text)
    return hkdf(secret, b"handoff-ledger/1 key id", 8).hex(), hkdf(secret, b"handoff-ledger/1 mac", 32)


def read_entry(line, expected):
    """The entry in a line; the line must be its canonical form, byte for byte."""
    try:
        text = line.decode("utf-8")
        entry = json.loads(text)
        if not isinstance(entry, dict) or entry.keys() != MEMBERS.keys():
            raise ValueError("it has not the members of an entry")
        wrong = [name for name, holds in MEMBERS.items() if not holds(entry[name])]
        if wrong:
            raise ValueError(f"{wrong[0]} does not hold")
        if canonical(entry) != text:
            raise ValueError("it is not in canonical form")
        return entry
    except (ValueError, OverflowError, RecursionError) as error:
        raise Fault(expected, "malformed", f"entry {expected} cannot be read: {error}") from error


def check_place(entry, previous):
    expected = previous["sequence"] + 1
    if entry["sequence"] != expected:
        raise Fault(expected, "out-of-place", f"entry {expected} is missing or not in its place: entry {entry['sequence']} follows {expected - 1}")
    if entry["prevHash"] != previous["hash"]:
        raise Fault(expected, "unlinked", f"entry {expected} names another hash before it than that of entry {expected - 1}")


def check_seal(entry, keys):
    sequence = entry["sequence"]
    content = {name: value for name, value in entry.items() if name not in ("hash", "mac")}
    digest = hashlib.sha256(HASH_DOMAIN + canonical(content).encode("utf-8")).hexdigest()
    if digest != entry["hash"]:
        raise Fault(sequence, "changed", f"entry {sequence} was changed: its content has another hash than it states")
    if not keys:
        return
    key = keys.get(entry["keyId"])
    if key is None:
        raise Fault(sequence, "unknown-key", f"entry {sequence} is authenticated with the key {entry['keyId']}, which was not given")
    mac = hmac.new(key, MAC_DOMAIN + entry["hash"].encode("ascii"), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(mac, entry["mac"]):
        raise Fault(sequence, "forged", f"entry {sequence} was not sealed with the gateway's key")


def verify(lines, keys, head):
    previous = {"sequence": 0, "hash": GENESIS}
    for line in lines:
        entry = read_entry(line, previous["sequence"] + 1)
        check_place(entry, previous)
        check_seal(entry, keys)
        previous = {"sequence": entry["sequence"], "hash": entry["hash"]}
        if head and head["sequence"] == previous["sequence"] and head["hash"] != previous["hash"]:
            raise Fault(previous["sequence"], "other-head", f"entry {previous['sequence']} is not the one of the kept head")
    if head and previous["sequence"] < head["sequence"]:
        first = previous["sequence"] + 1
        raise Fault(first, "cut", f"entry {first} and what follows were cut off: the kept head is entry {head['sequence']}")
    return previous


def lines_of(path):
    """Lines end with LF alone."""
    with open(path, "rb") as file:
        for line in file:
            yield line[:-1] if line.endswith(b"\n") else line


def parse_head(text):
    match = re.fullmatch(r"([1-9][0-9]{0,14}):([0-9a-f]{64})", text)
    if match is None:
        raise argparse.ArgumentTypeError("expected SEQUENCE:HASH")
    return {"sequence": int(match[1]), "hash": match[2]}


def main():
    parser = argparse.ArgumentParser(description="Verify an exported decision ledger.")
    parser.add_argument("export")
    parser.add_argument("--key", action="append", default=[], help="file with the ledger's secret; may be given again")
    parser.add_argument("--head", type=parse_head, help="a kept head, SEQUENCE:HASH")
    options = parser.parse_args()
    try:
        last = verify(lines_of(options.export), dict(read_key(path) for path in options.key), options.head)
    except Fault as fault:
        print(json.dumps({"verifies": False, "sequence": fault.sequence, "fault": fault.fault, "reason": str(fault)}))
        return 1
    head = last if last["sequence"] > 0 else None
    print(json.dumps({"verifies": True, "entries": last["sequence"], "head": head, "authenticated": bool(options.key)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
