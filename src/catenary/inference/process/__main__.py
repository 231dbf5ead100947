"""The child process: see `worker.py`."""

from catenary.inference.process.worker import main

main()
