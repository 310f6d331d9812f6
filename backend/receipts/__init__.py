"""The content of a receipt: as an e-mail, as a text message, and in words for the page."""
