"""The life of a rented number, step by step.

    accept   a number is handed over: stored with its hold
    rent     a number is bought, once per order, then accepted; `adopt` finds what got lost
    watch    looked at until a code comes: by list pages, or number by number
    expire   its window passed or Cancel was pressed: intent, cancel, read again where unclear
    settle   the one commit point: state, money and event together
    deliver  the events go out
    sweep    what needs no provider: deliveries, credits after the grace, forgotten deadlines
    pursue   what the provider is still owed after the customer was settled
    repair   what a lost Redis or a crash forgot to schedule or to find out
    reconcile  the provider's list and balance held against our books
    drain    a provider that is gone for good: no new rentals, everybody made whole
    cases    claims, rentals, withdrawals and their timers, by the refund policy
    canary   a number of our own, to see that all of this goes on
    audit    the proof that all of it adds up
    backstop  the same ticks where arq starts none, as while Redis is away

`service` is what shops may ask for, and `press_cancel` its Cancel button; `lanes` is the pool in
which watch, expire, pursue and the reading of a history act on many at once. Nothing here knows a
service library: it is handed ports.
"""
