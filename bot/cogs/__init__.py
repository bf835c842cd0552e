"""Commands: parse, ask a service, reply once."""
