"""Reads event files of TensorBoard, by the description of the format alone.

    python3 read_events.py DIRECTORY

The files are read in the order of their names. Prints a line "STEP TAG VALUE" for each figure and text
that a reader keeps: a SessionLog START drops what was read at its step and later. Texts are printed as
Python prints bytes. Any record whose lengths, checksums or fields are wrong ends it with an error, but
for one that is cut off at the end of a file."""
import os
import struct
import sys

TABLE = []
for i in range(256):
    for _ in range(8):
        i = (i >> 1) ^ (0x82F63B78 if i & 1 else 0)
    TABLE.append(i)


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


assert masked_crc(struct.pack("<Q", 24)) == 0x224B7FA3


def records(data):
    at = 0
    while at + 12 <= len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        (crc,) = struct.unpack_from("<I", data, at + 8)
        assert crc == masked_crc(data[at:at + 8]), f"byte {at}: the length's checksum"
        if at + 16 + size > len(data):
            return
        payload = data[at + 12:at + 12 + size]
        (crc,) = struct.unpack_from("<I", data, at + 12 + size)
        assert crc == masked_crc(payload), f"byte {at}: the payload's checksum"
        yield payload
        at += 16 + size


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            assert len(value) == size
        else:
            size = {1: 8, 5: 4}[kind]
            value = struct.unpack({1: "<d", 5: "<f"}[kind], data[at:at + size])[0]
            at += size
        yield key >> 3, value


def values(summary):
    for number, value in fields(summary):
        assert number == 1
        parts = dict(fields(value))
        tag = parts[1].decode()
        if 2 in parts:
            yield tag, parts[2]
            continue
        tensor = dict(fields(parts[8]))
        metadata = dict(fields(parts[9]))
        assert dict(fields(metadata[1]))[1] == b"text" and metadata[4] == 2
        assert tensor[1] == 7 and dict(fields(dict(fields(tensor[2]))[2]))[1] == 1
        yield tag, tensor[8]


kept = []
for name in sorted(n for n in os.listdir(sys.argv[1]) if n.startswith("events.out.tfevents.")):
    data = open(os.path.join(sys.argv[1], name), "rb").read()
    for number, payload in enumerate(records(data)):
        event = dict(fields(payload))
        assert 1.6e9 < event[1] < 1e10, "wall time"
        assert (number == 0) == (event.get(3) == b"brain.Event:2"), "the version comes first"
        step = event.get(2, 0)
        if 7 in event:
            assert dict(fields(event[7])) == {1: 1}
            kept = [k for k in kept if k[0] < step]
        if 5 in event:
            kept += [(step, tag, value) for tag, value in values(event[5])]
for step, tag, value in kept:
    print(step, tag, value)
