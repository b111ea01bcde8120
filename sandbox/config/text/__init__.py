"""Text -> tree of nodes with positions, and back to text."""
