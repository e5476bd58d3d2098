"""`python -m cortexwave.cli`: the command line without an installed script."""

from cortexwave.cli import main

main()
