"""The same load on one, three, five replicas: what the further ones are worth."""
