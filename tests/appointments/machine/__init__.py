"""A clinic driven by chance, step by step, beside a plain model of what each step must do."""
