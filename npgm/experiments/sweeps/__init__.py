"""Settings of one's own: what may be varied, the experiment it makes, its picture."""
