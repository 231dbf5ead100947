"""An application as an engine of the service: apps joined with serve and the store.

    served = open_app(chain, store, "handbook", endpoints)     # answers as `model: app/handbook`

So it is asked, streamed, guarded, metered and receipted as any model is, and its receipt says what it stood on.
"""

from catenary.applications.engine import AppEngine
from catenary.applications.files import read_files
from catenary.applications.opening import PREFIX, open_app

__all__ = ["PREFIX", "AppEngine", "open_app", "read_files"]
