"""Reads a native file from docs/native_format.md alone: the schema, and the columns as lists."""
import json
import struct

CODES = {1: "B", 2: "H", 3: "I", 4: "q", 5: "h", 6: "i", 7: "e", 8: "f", 9: "d"}


def values(block, offset, count, code):
    return list(struct.unpack_from(f"<{count}{CODES[code]}", block, offset))


def column(block, entry, rows):
    offset, count, extra_at, code, extra_code = struct.unpack_from("<QQQII", block, 32 * entry)
    found = values(block, offset, count, code)
    if extra_code == 10:
        bits = block[extra_at:extra_at + (rows + 7) // 8]
        found = [float("nan") if bits[r // 8] >> r % 8 & 1 else x for r, x in enumerate(found)]
    return found, values(block, extra_at, rows, extra_code) if extra_code in CODES else None


def read(path):
    """(schema, numbers, bags): a list of values a column of numbers, a list of lists a column of ids."""
    data = open(path, "rb").read()
    magic, version, _, _, columns, schema_bytes = struct.unpack_from("<8sIIQQQ", data)
    assert magic == b"\x89HOTROW\n" and version == 1 and data[-8:] == b"HOTROW\n\x89"
    schema = json.loads(data[64:64 + schema_bytes])
    list_at, blocks, all_rows, file_bytes = struct.unpack_from("<QQQQ", data, len(data) - 64)
    assert file_bytes == len(data) and columns == 1 + len(schema["numerical"]) + len(schema["categorical"])
    numbers, bags = [[] for _ in range(1 + len(schema["numerical"]))], [[] for _ in schema["categorical"]]
    for k in range(blocks):
        at, size, rows, _ = struct.unpack_from("<QQQQ", data, list_at + 32 * k)
        block = data[at:at + size]
        for c, target in enumerate(numbers):
            target += column(block, c, rows)[0]
        for t, (facts, target) in enumerate(zip(schema["categorical"], bags)):
            ids, lengths = column(block, len(numbers) + t, rows)
            end = 0
            for length in lengths or [facts["hotness"]] * rows:
                target.append(ids[end:end + length])
                end += length
    assert all(len(c) == all_rows for c in numbers + bags)
    return schema, numbers, bags
