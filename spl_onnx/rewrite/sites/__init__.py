"""Sites of a model before anything is edited: candidates, the plan, their weights."""
