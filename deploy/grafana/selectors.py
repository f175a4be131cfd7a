"""What every query of a board selects by: the variables at its top."""

from typing import Final

A: Final = "activation_worker_"  #: The prefix of every metric of ours.
W: Final = 'job=~"$job", instance=~"$instance"'  #: The workers chosen.
P: Final = f'{W}, provider=~"$provider"'  #: The workers and the providers chosen.
