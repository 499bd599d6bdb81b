# Makes the data that backups are measured with, always the same for the same arguments, and changes one hundredth of them.
#   database FILE MEGABYTES               a table of pages of a wiki with an index, in WAL mode
#   assets FOLDER RANDOM_MB TEXT_MB       files of 10 to 500 kB: as many megabytes of pictures (chance) and of text
#   change FILE FOLDER NUMBER             one hundredth of the rows and of the files are written anew
import os
import random
import sqlite3
import sys


def vocabulary():
    """Words as often as in prose: a few all the time, most of them seldom, so that each file packs well by itself alone."""
    chance = random.Random(0)
    syllables = [a + b for a in "bcdfghklmnprstvw" for b in "aeiou"]
    words = ["".join(chance.choices(syllables, k=chance.randint(1, 4))) for _ in range(2000)]
    return [word for rank, word in enumerate(words) for _ in range(3000 // (rank + 3) + 1)]


known = vocabulary()


def phrase(chance):
    return " ".join(chance.choices(known, k=12))


phrases = [phrase(random.Random(number)) for number in range(1000)]


def prose(chance, size):
    """Half of it are phrases that come back, so that zstd -3 makes a fifth of it."""
    found, length = [], 0
    while length <= size:
        found.append(chance.choice(phrases) if chance.random() < 0.47 else phrase(chance))
        length += len(found[-1]) + 1
    return " ".join(found)[:size]


def page(chance):
    return prose(chance, chance.randint(100, 3600))


def database(file, megabytes):
    chance = random.Random(1)
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE pages (id INTEGER PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL, read INTEGER NOT NULL)")
    db.execute("BEGIN")
    rows = int(megabytes * 380)
    for number in range(1, rows + 1):
        db.execute("INSERT INTO pages VALUES (?, ?, ?, 0)", (number, f"{chance.choice(known)} {chance.choice(known)} {number}", page(chance)))
    db.execute("CREATE INDEX pages_by_title ON pages (title)")
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


def assets(folder, random_megabytes, text_megabytes):
    os.makedirs(folder, exist_ok=True)
    chance = random.Random(2)
    for kind, megabytes in (("jpg", random_megabytes), ("txt", text_megabytes)):
        left, number = int(megabytes * 1_000_000), 0
        while left > 0:
            size = min(left, chance.randint(10_000, 500_000))
            left, number = left - size, number + 1
            write(chance, os.path.join(folder, f"{number:05}.{kind}"), size)


def write(chance, path, size):
    with open(path, "wb") as file:
        if path.endswith(".jpg"):
            file.write(chance.randbytes(size))
        else:
            file.write(prose(chance, size).encode())


def change(file, folder, number):
    chance = random.Random(1000 + number)
    db = sqlite3.connect(file, isolation_level=None)
    rows = db.execute("SELECT count(*) FROM pages").fetchone()[0]
    db.execute("BEGIN")
    for row in chance.sample(range(1, rows + 1), rows // 100):
        db.execute("UPDATE pages SET body = ? WHERE id = ?", (page(chance), row))
    db.execute("COMMIT")
    db.close()
    names = sorted(os.listdir(folder))
    for name in chance.sample(names, len(names) // 100):
        path = os.path.join(folder, name)
        write(chance, path, os.path.getsize(path))


what, words = sys.argv[1], sys.argv[2:]
if what == "database":
    database(words[0], float(words[1]))
elif what == "assets":
    assets(words[0], float(words[1]), float(words[2]))
else:
    change(words[0], words[1], int(words[2]))
