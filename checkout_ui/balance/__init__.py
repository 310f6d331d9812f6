"""The page on which a payer looks at a gift card. It is no part of the checkout, and has a state, a
route and a bundle of its own."""
