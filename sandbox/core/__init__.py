"""CORE: the pure part. No descriptor, no pid, no clock, no logging; time is a parameter."""
