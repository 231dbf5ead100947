"""What happens: the chain file, the plan, the run, the gates, the trace.

    file → spec → plan → run
           (what a chain declares) → (every artifact's id, before anything runs) → (what is missing is made)

    chain = load(find(), STAGES)
    with Store.open(Home.of(chain.folder)) as store:
        run(plan(chain, store), store, watcher)

This room knows stages only as values (`stage.py`); `stages/` makes them. It imports no craft.
"""
