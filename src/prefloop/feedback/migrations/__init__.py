"""How a feedback store of an earlier version becomes one of this version."""
