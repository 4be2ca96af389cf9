"""Programs that serve one experiment each and are no part of the product."""
