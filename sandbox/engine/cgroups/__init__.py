"""Control groups: the kernel's limits on an instance's memory, processes and CPU time.

    <own group>/                          whatever this process was started in
    <own group>/fcbox-<box>-<name>/       one per instance, in each hierarchy that is used
    <own group>/fcbox-<box>-supervisor/   v2, where the own group had to be emptied (`unified`)

Two versions live side by side, and machines differ in who has which controller: a controller is
bound either to a hierarchy of its own (v1) or to the one of v2. Each is used where it is. Groups
are made below our own and nowhere else, so no limit that was set on us is left behind.

`Groups` finds out once, at the start of a box, what can be had, and says why not in words where it
cannot. The worker attaches itself, because that now and then takes the kernel milliseconds.
cgroups(7); Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst.
"""

from sandbox.engine.cgroups.group import Group
from sandbox.engine.cgroups.groups import FEATURES, Groups, clean

__all__ = ["FEATURES", "Group", "Groups", "clean"]
