#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""failures.py VARIANT TESTLOG.json: each failed test of a meson run with its reason, shortly: what
follows "FAILED: ", else cmocka's "[  ERROR   ]", a sanitizer's "ERROR: " or an assertion, else the end."""
import json
import sys

OWN = ('FAILED: ',)
OTHERS = ('[  ERROR   ]', 'ERROR: ', 'AssertionError')
LINES_EACH = 12  # after such a line
LINES_MAX = 40  # of one test
WIDTH = 300
FINE = ('OK', 'SKIP', 'EXPECTEDFAIL')


def beginning_with(words, lines):
    taken = []
    until = 0
    for i, line in enumerate(lines):
        if any(word in line for word in words):
            until = i + LINES_EACH
        if i < until:
            taken.append(line)
    return taken


def reasons(lines):
    found = beginning_with(OWN, lines) or beginning_with(OTHERS, lines) or lines[-LINES_EACH:]
    return found[:LINES_MAX]


def main():
    variant, log = sys.argv[1:]
    with open(log, encoding='utf-8', errors='replace') as file:
        tests = [json.loads(line) for line in file]
    for test in tests:
        if test['result'] in FINE:
            continue
        output = ((test.get('stdout') or '') + '\n' + (test.get('stderr') or '')).splitlines()
        print(f"== {variant}: {test['name']}: {test['result']} after {test['duration']:.0f} s")
        for line in reasons([line for line in output if line.strip()]):
            print('   ' + line[:WIDTH])


main()
