"""The straight lines: what each command does with the parts; wiring, no logic, no printing."""
