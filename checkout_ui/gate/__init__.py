"""The gate in front of the event socket. A message reaches a handler or the framework only if one
of our pages can send the same message.

`allowed` reads from the pages which events they send, `arguments` says what each may carry,
`frames` reads one message, `doors` counts sockets and messages, and `door` is the ASGI application
that puts them together. Nothing here knows a particular page: the gate reads whatever pages the
application has.
"""
