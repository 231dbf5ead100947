"""An engine in a process of its own: whatever happens in it, who asked lives on.

    wire.py      what goes over the pipes: length, JSON
    settings.py  generation settings, pieces and refusals as JSON
    worker.py    the child: opens the engine, answers requests from threads, ends when its parent does

`python -m catenary.inference.process '{"folder": "…", "task": "generate"}'` is the child; `catenary.serve.local_engine`
starts it, asks it, and starts it again. Nothing here knows HTTP.
"""
