"""Redis: when to look at which number, how many requests a provider may get, and arq's queue."""
