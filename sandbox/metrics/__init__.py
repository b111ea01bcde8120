"""What a running box counts: `tally` for /metrics, `invocation_log` one record an invocation."""
