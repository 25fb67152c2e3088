"""The networks, and how a spec becomes one."""
