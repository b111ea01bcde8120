"""`${...}`: the grammar, the functions, and what resolves them in a tree."""
