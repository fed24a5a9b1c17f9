"""The pendant: serial line, frames, messages, session, device."""
