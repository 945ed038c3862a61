"""How many replicas a role needs: demand, capacity, the decision, and how it is steadied."""
