"""The platform's own stack: PostgreSQL, RabbitMQ, a mail sink and the services, with Docker or without.

`python -m stack up | down | status | clean` (see `make`). The servers of the native stack are private: own ports, own
data, own processes. What runs and how to reach it is written to `.run/stack.json` (shape: loyalty/stackfile.py).
"""
