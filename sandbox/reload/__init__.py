"""Hot reload: files of running functions change, and their instances are replaced.

watching   directories -> batches of paths that changed       watchfiles
ignoring   which of these paths mean nothing                  pathspec, .gitignore
changes    two configurations -> what to add, remove, update  pure
service    batches -> recycle, add, remove, update            on the supervisor's loop
"""
