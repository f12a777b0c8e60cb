"""The acceptance test: phantoms of known truth, measured through the same door as patients."""
