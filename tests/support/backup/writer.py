# Commits rows with a rising number to a SQLite database, so many a second, as an app that never rests.
# Arguments: the database, commits a second, PRAGMA synchronous, a file that always holds the highest committed number.
# Each line on standard input is answered with what was committed since the one before; its end is the end.
import json
import os
import select
import sqlite3
import struct
import sys
import time

file, rate, synchronous, told = sys.argv[1], float(sys.argv[2]), sys.argv[3], sys.argv[4]
db = sqlite3.connect(file, timeout=60, isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute(f"PRAGMA synchronous = {synchronous}")
db.execute("CREATE TABLE IF NOT EXISTS rising (number INTEGER PRIMARY KEY, text TEXT NOT NULL)")
number = db.execute("SELECT coalesce(max(number), 0) FROM rising").fetchone()[0]
pages = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'pages'").fetchone()[0]
pages = pages and db.execute("SELECT max(id) FROM pages").fetchone()[0]
note = os.open(told, os.O_RDWR | os.O_CREAT, 0o600)
os.pwrite(note, struct.pack("<q", number), 0)
times = []
since = due = time.perf_counter()

while True:
    due += 1 / rate
    # a commit that was late does not make the next ones late: as many are made as were asked for
    if select.select([0], [], [], max(0, due - time.perf_counter()))[0]:
        if not os.read(0, 100):
            break
        now = time.perf_counter()
        worst = sorted(times)[-3:]
        print(json.dumps({"commits": len(times), "seconds": now - since, "longest": [one * 1000 for one in worst[::-1]]}), flush=True)
        times, since = [], now
    began = time.perf_counter()
    number += 1
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO rising VALUES (?, ?)", (number, f"line {number} " * 5))
    if pages:
        db.execute("UPDATE pages SET read = read + 1 WHERE id = ?", (number * 7919 % pages + 1,))
    db.execute("COMMIT")
    times.append(time.perf_counter() - began)
    os.pwrite(note, struct.pack("<q", number), 0)
