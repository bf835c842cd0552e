"""The child process that owns the graphics card; nothing else imports torch or diffusers.

The parent imports only ``settings``, ``plain`` and ``protocol`` from here, which are free of them.
"""
