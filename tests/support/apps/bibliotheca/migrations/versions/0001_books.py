# Books, and two of them.
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    books = op.create_table(
        "books",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
    )
    op.bulk_insert(books, [{"title": "De imitatione Christi"}, {"title": "Confessiones"}])


def downgrade():
    op.drop_table("books")
