"""Networks that learn: trainable sheets, the tasks that judge them, training."""

# Bytes of states that are remembered for a gradient unless the caller says otherwise:
# all of them where they fit, or else a few from which the others are computed again.
# Above it recomputing costs less time than touching the memory would.
STATE_BUDGET = 2**27
