"""What a rate of webhooks needs: processes, connections, memory, disk and money, with the basis."""
