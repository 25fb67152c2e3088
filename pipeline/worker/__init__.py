"""What a worker process needs: bundles, failures, the liveness check."""
