"""The ways out: e-mail over SMTP, with its queue, its attempts and its sender."""
