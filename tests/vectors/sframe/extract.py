#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Takes what sotto uses out of RFC 9605's test vectors.

    extract.py test-vectors.json > rfc9605.json

Source: test-vectors/test-vectors.json of https://github.com/sframe-wg/sframe, the vectors of
RFC 9605, Appendix C. Kept: all headers (C.1), and the AEAD vector of cipher suite 5 (C.3).
kid and ctr become hexadecimal strings: not every JSON parser has 64 unsigned bits.
"""
import json
import sys

SUITE = 5


def hexed(vector):
    return vector | {name: f"{vector[name]:016x}" for name in ("kid", "ctr")}


with open(sys.argv[1], encoding="ascii") as source:
    vectors = json.load(source)
json.dump({
    "source": "RFC 9605 Appendix C; github.com/sframe-wg/sframe, test-vectors/test-vectors.json",
    "header": [hexed(v) for v in vectors["header"]],
    "sframe": [hexed(v) for v in vectors["sframe"] if v["cipher_suite"] == SUITE],
}, sys.stdout, indent=1)
print()
