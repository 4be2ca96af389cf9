"""Models as files and as a whole: reading, writing, order, validity, a first run."""
