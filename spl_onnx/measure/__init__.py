"""Run models and measure them: accuracy, densities, work and time."""
