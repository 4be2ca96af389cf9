"""Running a rewritten network in pieces, so that a changed setting costs only the layers behind it."""
