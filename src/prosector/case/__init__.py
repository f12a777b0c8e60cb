"""The case: an append-only record of what people decided and what the machine made of it."""
