"""`python -m catenary` is the command `catenary`, also where no script of that name is on the path."""

from catenary.cli import main

main()
