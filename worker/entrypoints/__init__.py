"""Ways in: the daemon's loops, arq's worker, HTTP, the command line, and the embedded servers."""
