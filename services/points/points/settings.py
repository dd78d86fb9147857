"""What points is told by its environment."""

from common.runtime.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    api_port: Port = 8002
    metrics_port: Port = 9002
