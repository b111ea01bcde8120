"""The version, alone, so that `fcbox --version` and the build read it without importing more."""

__version__ = "0.1.0"
