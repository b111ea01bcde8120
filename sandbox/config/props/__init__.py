"""The keys of an s.yaml: what may stand there, and the FunctionSpec that comes of it."""
