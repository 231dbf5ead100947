"""Speed, ours and the peer's side by side: `make bench`, or `python -m benchmarks answering`.

Both take turns in one process on the same texts, weights and threads, several rounds; what counts is the ratio of the
medians. Absolute figures drift with the machine. The texts are real reviews, no part of which tunes anything.
"""
