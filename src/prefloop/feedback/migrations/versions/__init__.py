"""One step each, by Alembic; a step speaks of the tables as they were then."""
