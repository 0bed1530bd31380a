"""Helpers of two_hosts.sh.

    two_hosts.py sink OWN PEER RATE SECONDS   sends RATE bytes a second (0: all it can) to a copy of
                                              itself at the address PEER, and drops what comes;
                                              prints the bytes a second that came
    two_hosts.py median METRICS [FIRST]       the median seconds of a step of metrics.jsonl, from
                                              step FIRST (3) on
    two_hosts.py tokens FILE VOCABULARY       random token ids, two bytes each
"""
import json
import random
import socket
import statistics
import struct
import sys
import threading
import time

PORT, CHUNK = 7777, 1 << 18


def sink(own, peer, rate, seconds):
    server = socket.create_server((own, PORT))
    counted = [0]

    def take():
        connection, _ = server.accept()
        buffer = bytearray(1 << 20)
        while n := connection.recv_into(buffer):
            counted[0] += n

    threading.Thread(target=take, daemon=True).start()
    connection = None
    for _ in range(100):
        try:
            connection = socket.create_connection((peer, PORT))
            break
        except OSError:
            time.sleep(0.1)
    data, began, sent = bytes(CHUNK), time.monotonic(), 0
    while (now := time.monotonic()) < began + seconds:
        due = began + sent / rate if rate else now
        if due > now:
            time.sleep(min(due, began + seconds) - now)
        try:
            connection.sendall(data)
        except OSError:  # the other side has ended
            break
        sent += CHUNK
    print(f"{counted[0] / (time.monotonic() - began):.0f}")


def median(path, first=3):
    seconds = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            if row.get("tokens_per_s") and row["step"] >= first:
                seconds.append(row["tokens"] / row["step"] / row["tokens_per_s"])
    print(f"{statistics.median(seconds):.6g}")


def tokens(path, vocabulary):
    rng = random.Random(1)
    ids = [rng.randrange(vocabulary) for _ in range(200000)]
    with open(path, "wb") as file:
        file.write(struct.pack(f"<{len(ids)}H", *ids))


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "sink":
        sink(rest[0], rest[1], float(rest[2]), float(rest[3]))
    elif what == "median":
        median(rest[0], *(int(x) for x in rest[1:]))
    else:
        tokens(rest[0], int(rest[1]))
