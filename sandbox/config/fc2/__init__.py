"""Files of FC 2.0: trees of their form -> trees of the form of 3.0."""
