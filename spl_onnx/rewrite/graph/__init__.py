"""What is asked about the graphs of a model, and their way through graphsurgeon; nothing knows of sites."""
