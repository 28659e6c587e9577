#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""delay_proxy.py ADDRESS TARGET_PORT DELAY_MS: carries UDP from ADDRESS, a free port of which it
prints, to TARGET_PORT of this machine and back, each packet DELAY_MS later. Each address and port of
a client has a socket of its own towards the target, so that a client that moves is seen to move."""
import collections
import select
import socket
import sys
import time

address, target, delay = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) / 1000
family = socket.AF_INET6 if ":" in address else socket.AF_INET
here = "::1" if family == socket.AF_INET6 else "127.0.0.1"
front = socket.socket(family, socket.SOCK_DGRAM)
front.bind((address, 0))
front.setblocking(False)
print("PORT", front.getsockname()[1], flush=True)
poll = select.poll()
poll.register(front, select.POLLIN)
backs, clients = {}, {}  # a client's socket towards the target; by its descriptor: it and the client
late = collections.deque()  # (due, send, data): the delay is one for all, so they are in order


def back_of(client):
    if client not in backs:
        back = socket.socket(family, socket.SOCK_DGRAM)
        back.connect((here, target))
        back.setblocking(False)
        poll.register(back, select.POLLIN)
        backs[client] = back
        clients[back.fileno()] = (back, client)
    return backs[client]


def take(descriptor):
    while True:
        try:
            if descriptor == front.fileno():
                data, client = front.recvfrom(2048)
                send = back_of(client).send
            else:
                back, client = clients[descriptor]
                data = back.recv(2048)
                send = lambda d, to=client: front.sendto(d, to)
        except OSError:
            return
        late.append((time.monotonic() + delay, send, data))


while True:
    wait = max(0.0, late[0][0] - time.monotonic()) * 1000 if late else 1000
    for ready, _ in poll.poll(wait):
        take(ready)
    while late and late[0][0] <= time.monotonic():
        try:
            late[0][1](late[0][2])
        except OSError:  # that client is gone
            pass
        late.popleft()
