"""The page inside another: Dintero's Web SDK and its protocol of messages, apart from the steps.

`messages` are the shapes, `state` what is answered, `view` what stands on the page for it, `result`
the page that the SDK puts in the frame at the end. assets/embed.js is the half in the browser.
Source: `docs/reference/dintero-api.md#the-web-sdk-protocol`.
"""
