"""The benchmark: each figure beside the best that this machine can do for it, taken in turn in the same run."""
