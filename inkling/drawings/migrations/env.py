"""Alembic's entry: brings the database of a connection up to date. Run by drawings.Store."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
