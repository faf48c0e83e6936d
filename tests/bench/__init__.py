"""Benchmarks: how long and how much memory a step takes, ours beside others', in one process, one thread each."""
