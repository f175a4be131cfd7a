"""What a program outside must know to hand a number over through arq: the queue and the job."""

from typing import Final

QUEUE: Final = "activation-worker"  #: Not arq's default: there nobody of ours looks.
ACCEPT: Final = "accept"  #: The job that takes one payload, or a list of them.
ACCEPT_MAX: Final = 1_000  #: Payloads in one job.
