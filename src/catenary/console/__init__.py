"""The console: what people see of a chain. Pages over what store, chain and service say; no state of its own.

    from catenary.server import console          # joins a chain file and its store
    uvicorn.run(console(chain.path, store))      # `catenary console`; `catenary serve` has it at /console/

A request in five steps:

1. `app.py` sets the language and the headers, and turns errors into pages.
2. `viewer.py` finds out who looks: this machine's person, or the key whose session cookie comes along.
3. `pages/`: one file a subject; a page reads through `desk.py` and returns a template's values.
4. `view.py` renders them; every `Table` among them is a CSV file at the same address with `?csv=its-name`.
5. `live.py` tells open pages that something changed; `static/console.js` fetches the page again and swaps what differs.

Everything works without the script but the swapping. Why so:
docs/decisions/0013-the-console-is-made-on-the-server.md.
"""
