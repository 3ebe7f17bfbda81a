"""The benchmark: each figure beside its limit, the best that this machine can do, measured alternately in one run."""
