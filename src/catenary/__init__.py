"""Catenary (悬链): the production chain of a language model in one tool.

Read `docs/structure.md` first, then `stages/` from top to bottom.
"""

__version__ = "0.1.0"
