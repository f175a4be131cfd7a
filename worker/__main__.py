"""`python -m worker`, the same as the console script `activation-worker`."""

from worker.entrypoints.cli.app import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
