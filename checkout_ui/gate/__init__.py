"""The gate before the event socket: what a stranger sends reaches neither a handler nor the
framework unless one of our pages can send the same.

`allowed` reads from the pages which events they send, `arguments` says what each may carry,
`frames` reads one message, `doors` counts sockets and messages, and `door` is the ASGI application
that puts them together. Nothing here knows a page: whatever the application adds as a page counts.
"""
