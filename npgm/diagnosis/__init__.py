"""Whether a model's gradient is masked, by what, and how robust it really is."""
