"""Cases that live for days: claims, outages, withdrawals, account events, and what rings for them.

The steps: a desk takes what is asked and said; a judge of each kind asks the policies what follows;
the store carries it out; timers ask the judges again when a date has passed.
"""
