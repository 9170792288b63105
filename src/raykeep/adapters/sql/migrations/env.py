"""Alembic's way in: it runs the revisions on the connection that `schema.py` hands over."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=False,  # `schema.py` holds one transaction around all
    transaction_per_migration=False,
)
context.run_migrations()
