"""Benchmarks of whole calls: `make bench`, or `python -m bench.NAME --help` for one of them."""
