"""What a receipt says, and how: as an e-mail, as a text message, and in words for the page."""
