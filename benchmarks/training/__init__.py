"""Training speed, ours and the peers': `make bench-train`, or `python -m benchmarks.training pretraining-17m`.

Each side is a process of its own that starts from the same weights and takes the same batches in the same order, but
where dealing them out is what is measured: classification by length, and TRL's packing. They take turns, a few steps
each, and never run at once; what counts is the median of the rounds' ratios, as absolute figures drift with the
machine. The losses of the steps stand below the speeds: the same work was done.

LitGPT and TRL, whose pins are not ours, run in `.venv-bench`, which `make bench-train` makes; it shares torch with
`.venv`. `turns.py` is the referee, `gate.py` the whistle, and each other file one side.
"""
