"""Debugging one function of a run.

editor --127.0.0.1:5678--> relay --127.0.0.1:any--> debugpy in the instance

opening    what there must be, before anything is started
debugging  what the function's instances are told, and where they listen
relay      the clients; knows when one is attached, and stops the clocks then
"""
