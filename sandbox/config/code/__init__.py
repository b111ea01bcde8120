"""What a function needs of this machine: code, interpreter, local directories."""
