"""The page inside another page: Dintero's Web SDK and its protocol of messages, apart from the
steps.

`messages` are their forms, `state` is what is answered, `view` has the elements for it, and
`result` is the page that the SDK puts into the frame at the end. assets/embed.js is the part in the
browser. Source: `docs/reference/dintero-api.md#the-web-sdk-protocol`.
"""
