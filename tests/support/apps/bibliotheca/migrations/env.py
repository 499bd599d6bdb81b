# How Alembic reaches the database: the same settings as the app, whether the app or `alembic upgrade head` asks.
from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from bibliotheca import settings

settings.load()
with create_engine(settings.database_url(), poolclass=NullPool).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
