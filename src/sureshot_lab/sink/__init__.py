"""The receiver of a run: fast, programmable, with a ledger."""
