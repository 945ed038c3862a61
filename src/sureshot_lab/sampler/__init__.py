"""What the service and its machine do while a run goes on, once a second."""
