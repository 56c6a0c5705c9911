"""CSV in the benchmark's columns, packed by zstd (the program); the same bytes every time."""

import csv
import io
import subprocess


def csv_bytes(columns, rows):
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(columns)
    out.writerows(rows)
    return text.getvalue().encode()


def write(path, columns, rows):
    write_bytes(path, csv_bytes(columns, rows))


def write_bytes(path, data):
    if path.endswith(".zst"):
        data = subprocess.run(["zstd", "-19", "-q", "-c", "--no-check"], input=data,
                              stdout=subprocess.PIPE, check=True).stdout
    with open(path, "wb") as f:
        f.write(data)


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith(".zst"):
        data = subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE,
                              check=True).stdout
    rows = list(csv.reader(io.StringIO(data.decode())))
    return rows[0], rows[1:]
