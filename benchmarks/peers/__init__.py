"""What newsbeam is measured beside, one file each: `python -m benchmarks.peers NAME ...`."""
