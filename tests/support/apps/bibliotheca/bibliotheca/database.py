# The SQLite database, brought up to date by Alembic when the app starts, as real Bibliotheca does.
import sqlite3
from contextlib import closing

from . import settings


def upgrade():
    migrations = settings.HERE / "migrations"
    newest = max(file.name[:4] for file in (migrations / "versions").glob("[0-9]*.py"))
    if _version() == newest:
        return  # without Alembic and SQLAlchemy, which take half of the time of a start
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations))
    command.upgrade(config, "head")


def _version():
    try:
        return _ask("SELECT version_num FROM alembic_version")
    except sqlite3.Error:
        return None  # no database yet, or one without a table


def _ask(query):
    # Each request opens the file anew, so one put back from a snapshot is seen at once.
    with closing(sqlite3.connect(settings.database())) as connection, connection:
        return (connection.execute(query).fetchone() or [None])[0]


def report():
    try:
        _ask("SELECT 1 FROM books")
        return {"status": "ok"}
    except sqlite3.Error as error:
        return {"status": "error", "error": str(error)}


def count_books():
    return _ask("SELECT count(*) FROM books")


def add_book():
    _ask("INSERT INTO books (title) VALUES ('Another book')")
