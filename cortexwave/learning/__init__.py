"""Networks that learn: trainable sheets, the tasks that judge them, training."""
