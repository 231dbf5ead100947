"""How a catalog's tables came to be, a file a step: Alembic runs them, `store/schema.py` decides when."""
