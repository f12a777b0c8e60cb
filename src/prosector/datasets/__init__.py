"""Analytic phantoms with exact ground truth, and the embedded sample."""
