"""HTTP on loopback: `app` answers as Function Compute does, `server` listens."""
