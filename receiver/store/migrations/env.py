"""What Alembic runs: the migrations, in the transaction that `receiver.store.migrate` has open."""

# ruff: noqa: INP001 - Alembic runs this as a script

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
