"""`python -m temtrack`: the same command line."""

from temtrack.cli.app import main

main()
