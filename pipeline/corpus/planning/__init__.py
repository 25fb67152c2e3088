"""From inputs to the plan: how the work is cut, where the plan lies, when two runs are the same."""
