"""What limits and budgets of rules have been used."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    pass
