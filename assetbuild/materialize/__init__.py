"""Materialize: carry out a plan with worker processes, and record what happened."""
