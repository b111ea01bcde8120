"""ENGINE: effects. Descriptors, processes and clocks around the pure core; callbacks only."""
