"""From standardised signals to a law: scaling, conditions, recipes, and laws of data that are never held."""
