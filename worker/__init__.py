"""The guest side of fcbox: what runs inside the user's process.

Standard library only, Python 3.6 to 3.13, nothing imported from outside this package: the
user's dependencies must never meet ours.

    zygote  ->  clone  ->  runtime  ->  the user's code
"""
