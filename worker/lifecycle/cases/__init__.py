"""Cases: claims, outages, withdrawals and account events, which live for days.

`case_service` takes the calls. The judge of each kind (`claims`, `outages`, `withdrawals`,
`account_events`) asks the policy through `questions` and answers a step of `case_steps`, which the
store carries out. `due_timers` asks the judges again when a date has passed.
"""
