"""What makes a process of it: settings, logs, metrics, traces, timed jobs, health, and `run(Service(...))`."""
