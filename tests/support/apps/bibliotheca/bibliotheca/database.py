# The SQLite database through SQLAlchemy, brought up to date by Alembic when the app starts, as real Bibliotheca does.
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from . import settings


def upgrade():
    config = Config()
    config.set_main_option("script_location", str(settings.HERE / "migrations"))
    command.upgrade(config, "head")


def engine():
    # No pool: each request opens the file anew, so one put back from a snapshot is seen at once.
    return create_engine(settings.database_url(), poolclass=NullPool)


def report():
    try:
        with engine().connect() as connection:
            connection.execute(text("SELECT 1 FROM books"))
        return {"status": "ok"}
    except Exception as error:
        return {"status": "error", "error": str(error)}


def count_books():
    with engine().connect() as connection:
        return connection.execute(text("SELECT count(*) FROM books")).scalar()


def add_book():
    with engine().begin() as connection:
        connection.execute(text("INSERT INTO books (title) VALUES ('Another book')"))
