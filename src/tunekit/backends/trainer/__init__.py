"""What backends share that train with our own worker, wherever it runs: recipes, plans, models."""
