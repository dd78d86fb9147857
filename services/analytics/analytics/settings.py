"""Settings of this service: those every service has, on ports of its own."""

from common.runtime.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    api_port: Port = 8004
    metrics_port: Port = 9004
