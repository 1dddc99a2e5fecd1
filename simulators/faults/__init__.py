"""What goes wrong, one file a fault, in four layers that combine freely.

`person` changes what somebody does (`simulators.doings`), `plumbing` changes the water that flows (`Draws`), a fault of
the meter would change its register, and `transport` loses reports.  Apply them in this order.
"""
