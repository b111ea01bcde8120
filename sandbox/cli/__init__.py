"""The command line. `fast` decides what to import; `app` is the whole grammar."""
